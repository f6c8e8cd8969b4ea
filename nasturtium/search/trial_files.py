"""The trials of a search on disk: a folder each, with its record and its model.

A damaged file never becomes a result: a damaged record is removed with a warning, so that its trial
runs again, and a record has the checksum of its model.
"""

import contextlib
import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nasturtium.errors import DamageError
from nasturtium.records.checksums import read_json, reading, write_json

logger = logging.getLogger(__name__)

_RECORD = "trial.json"
# A file that can't be read for these reasons is not damaged: it may be readable later.
_NO_DAMAGE = (errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE)


class TrialFiles:
    """The folders ``trial_{name}`` of one search.

    Parameters
    ----------
    trials
        Where they are.
    fingerprint
        Fingerprint of the search, which its records carry; None where it does not matter.
    """

    def __init__(self, trials: Path, fingerprint: str | None = None):
        self.trials, self._fingerprint = trials, fingerprint

    def record(
        self, row: Mapping, epochs: Sequence[Mapping], rungs: Sequence[Mapping] | None = None
    ) -> None:
        """Record a trial: its row, the rows of its epochs, and its rows rung by rung."""
        write_json(
            self._path(row["trial"]),
            {
                "of": self._fingerprint,
                "row": row,
                "epochs": list(epochs),
                "rungs": list(rungs or [row]),
                "model": _checksum(row.get("model_path")),
            },
        )

    def names(self, known: Collection[str] = ()) -> list[str]:
        """Names of the recorded trials, without looking again at those that are ``known``.

        Whether a record is whole is only seen when it is read.
        """
        if not self.trials.is_dir():
            return []
        # Workers ask several times a trial; a pattern of pathlib takes twice as long.
        names = (_name(folder) for folder in os.listdir(self.trials) if folder.startswith("trial_"))
        return sorted(
            name
            for name in names
            if name not in known and os.path.exists(f"{self.trials}/trial_{name}/{_RECORD}")
        )

    def is_recorded(self, name: str) -> bool:
        """Whether a trial has a record."""
        return self._path(name).exists()

    def recorded(self) -> dict[str, dict]:
        """``{"row": ..., "epochs": [...], "rungs": [...]}`` of each trial, by its name."""
        for path in self.trials.glob("trial_*"):
            if not path.is_dir():
                logger.warning("%s is no folder of a trial and is removed.", path)
                path.unlink()
        found = {name: self._read(name) for name in self.names()}
        return {name: done for name, done in found.items() if done is not None}

    def row(self, name: str) -> dict | None:
        """The recorded row of one trial, if it ended."""
        done = self._read(name) if self.is_recorded(name) else None
        return done and done["row"]

    def has_model(self, row: Mapping) -> bool:
        """Whether the model of the trial ``row`` is the recorded one."""
        done = self._read(row["trial"]) if self.is_recorded(row["trial"]) else None
        path = row.get("model_path")
        return None not in (done, path) and done["model"] == _checksum(path) is not None

    def marks(self) -> set[str]:
        """Fingerprints of the searches whose undamaged records are here."""
        found = set()
        for name in self.names():
            with contextlib.suppress(DamageError):
                found.add(read_json(self._path(name)).get("of"))
        return found

    def forget(self, names: Sequence[str]) -> None:
        """Remove trials that the search will run again, or whose nets it will not propose again."""
        for name in names:
            # Another worker may be removing the same one.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self._path(name).parent)

    def _path(self, name: str) -> Path:
        return self.trials / f"trial_{name}" / _RECORD

    def _read(self, name: str) -> dict | None:
        """A trial's record; if it is damaged or another trial's, it is removed with the trial."""
        path = self._path(name)
        try:
            done = read_json(path)
        except DamageError as error:
            if not is_damaged(error):
                raise
            what = "is damaged"
        else:
            if self._fingerprint in (None, done["of"]) and done["row"]["trial"] == name:
                return done
            what = "is the record of another trial"
        logger.warning("%s %s: trial %s runs again.", path, what, name)
        self.forget([name])
        return None


def is_damaged(error: DamageError) -> bool:
    """Whether the file itself is damaged, rather than unreadable because of disk or permissions."""
    return getattr(error.__cause__, "errno", None) not in _NO_DAMAGE


def _name(folder: str) -> str:
    return folder.removeprefix("trial_")


def _checksum(model: str | None) -> str | None:
    """SHA-256 of a model's file; None if there is none."""
    if model is None or not Path(model).is_file():
        return None
    with reading(model), open(model, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
