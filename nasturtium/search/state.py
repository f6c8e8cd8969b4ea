"""What a search has done so far, on disk: an interrupted one goes on where it stopped.

Every trial that ended is one file. A resumed search asks its oracle anew and takes the recorded
outcome of each trial that it proposes again; oracles are deterministic, so that it arrives where
it was, and goes on as if nothing had happened. Nothing of an oracle has to be stored for that.

Several workers share a folder and an Optuna study; each has a lock of its own, by which the others
see whether it lives.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from nasturtium.errors import DamageError
from nasturtium.jobs.locks import is_locked, locked
from nasturtium.records.checksums import read_json, write_json
from nasturtium.search.trial_files import TrialFiles, is_damaged

# Files of a state: that its results are written, and the name of its study.
FINISHED, NONCE = "finished", "study"
_END = "ended"


def fingerprint(**parts: object) -> str:
    """Hexadecimal SHA-256 of everything that decides what a search's trials are."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class SearchState(TrialFiles):
    """The folder of one search: ``trials/trial_{name}/``, and what its processes share."""

    def __init__(self, folder: Path, fingerprint: str | None = None):
        super().__init__(folder / "trials", fingerprint)
        self.folder = folder

    def measured_once(self, name: str, compute: Callable[[], object]) -> object:
        """What ``compute`` gave when the search first asked for it; JSON values only.

        The reference values of an objective are measured: a second measurement would move the
        scores of later trials against those of earlier ones.
        """
        path = self.folder / f"{name}.json"
        # One of several workers measures; the others wait for it.
        with locked(self.folder / f"{name}.lock"):
            if not path.exists():
                write_json(path, {"value": compute()})
        return read_json(path, remedy=_anew(self.folder))["value"]

    def finish(self, how: Mapping | None = None) -> None:
        """The search's results are written: the next one starts anew.

        Parameters
        ----------
        how
            What :func:`read_provenance` shall find.
        """
        write_json(self.folder / FINISHED, how or {})

    @property
    def nonce(self) -> str:
        """Made when the state was emptied: no study of an earlier state has it in its name."""
        return read_json(self.folder / NONCE, remedy=_anew(self.folder))["name"]

    def proposing(self) -> AbstractContextManager:
        """One worker at a time chooses its next trial in such a block."""
        return locked(self.folder / "proposing")

    def is_running(self, worker: int) -> bool:
        """Whether a process of that worker lives."""
        return is_locked(self.worker_lock(worker))

    def tables(self, worker: int) -> Path:
        """Folder for what a worker measured of its own process."""
        return self.folder / "workers" / str(worker)

    def workers_with_tables(self) -> list[int]:
        """Workers that came to their end."""
        found = self.folder.glob("workers/*/energy.parquet")
        return sorted(int(path.parent.name) for path in found)

    def lost_workers(self) -> list[int]:
        """Workers that began and did not come to their end."""
        begun = {int(path.stem) for path in self.folder.glob("workers/*.lock")}
        return sorted(begun - set(self.workers_with_tables()))

    def note_end(self) -> None:
        """Write down how many trials are recorded where a worker comes to its end."""
        write_json(self.folder / _END, {"trials": len(self.names())})

    def at_end(self) -> int:
        """How many trials were recorded when the last worker came to its end; 0 if not known."""
        return (read_note(self.folder / _END) or {"trials": 0})["trials"]

    def worker_lock(self, worker: int) -> Path:
        """The file that a worker holds a lock on as long as it lives."""
        return self.folder / "workers" / f"{worker}.lock"


def provenance_of(settings: Mapping, code: str, workers: int) -> dict[str, object]:
    """How results came about, for :func:`read_provenance`."""
    return {"of": fingerprint(settings=settings, code=code), "workers": workers}


def read_provenance(folder: str | Path) -> dict:
    """What the search whose results are written said to :meth:`SearchState.finish`."""
    try:
        return read_json(Path(folder) / FINISHED)
    except DamageError:
        # Missing or not whole: how it was made is not known.
        return {}


def read_note(path: Path) -> dict | None:
    """What a small file of the state holds; None where it is missing or damaged."""
    try:
        return read_json(path)
    except DamageError as error:
        if not is_damaged(error):
            raise
        return None


def _anew(folder: Path) -> str:
    return f"remove the folder {folder} and run the same command again, so that it starts anew"
