"""What a search has done so far, on disk, so that an interrupted one continues where it stopped.

Every finished trial has one file. A resumed search asks its oracle from the beginning and uses the
recorded outcome of each trial that it proposes again. Oracles are deterministic, so it reaches the
point where it stopped and continues. The state of the oracle does not have to be stored.

Several workers share a folder and an Optuna study; each has its own lock, by which the others see
whether it is alive.
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
        """The result of ``compute`` when the search first called it; JSON values only.

        The reference values of an objective are measured: after a second measurement, scores of
        later trials could not be compared with those of earlier ones.
        """
        path = self.folder / f"{name}.json"
        # One of several workers measures; the others wait for it.
        with locked(self.folder / f"{name}.lock"):
            if not path.exists():
                write_json(path, {"value": compute()})
        return read_json(path, remedy=_anew(self.folder))["value"]

    def finish(self, how: Mapping | None = None) -> None:
        """Note that the search's results are written; the next search starts from the beginning.

        Parameters
        ----------
        how
            What :func:`read_provenance` returns.
        """
        write_json(self.folder / FINISHED, how or {})

    @property
    def nonce(self) -> str:
        """A random name, made when the state was emptied, so that no earlier study has it."""
        return read_json(self.folder / NONCE, remedy=_anew(self.folder))["name"]

    def proposing(self) -> AbstractContextManager:
        """A block in which one worker at a time chooses its next trial."""
        return locked(self.folder / "proposing")

    def is_running(self, worker: int) -> bool:
        """Whether a process of that worker is alive."""
        return is_locked(self.worker_lock(worker))

    def tables(self, worker: int) -> Path:
        """Folder for what a worker measured of its own process."""
        return self.folder / "workers" / str(worker)

    def workers_with_tables(self) -> list[int]:
        """Workers that finished."""
        found = self.folder.glob("workers/*/energy.parquet")
        return sorted(int(path.parent.name) for path in found)

    def lost_workers(self) -> list[int]:
        """Workers that began and did not finish."""
        begun = {int(path.stem) for path in self.folder.glob("workers/*.lock")}
        return sorted(begun - set(self.workers_with_tables()))

    def note_end(self) -> None:
        """Note how many trials are recorded when a worker finishes."""
        write_json(self.folder / _END, {"trials": len(self.names())})

    def at_end(self) -> int:
        """How many trials were recorded when the last worker finished; 0 if not known."""
        return (read_note(self.folder / _END) or {"trials": 0})["trials"]

    def worker_lock(self, worker: int) -> Path:
        """The file that a worker keeps locked while it is alive."""
        return self.folder / "workers" / f"{worker}.lock"


def provenance_of(settings: Mapping, code: str, workers: int) -> dict[str, object]:
    """How results were made, for :func:`read_provenance`."""
    return {"of": fingerprint(settings=settings, code=code), "workers": workers}


def read_provenance(folder: str | Path) -> dict:
    """What the finished search passed to :meth:`SearchState.finish`."""
    try:
        return read_json(Path(folder) / FINISHED)
    except DamageError:
        # Missing or damaged: how it was made is not known.
        return {}


def read_note(path: Path) -> dict | None:
    """The content of a small file of the state; None if it is missing or damaged."""
    try:
        return read_json(path)
    except DamageError as error:
        if not is_damaged(error):
            raise
        return None


def _anew(folder: Path) -> str:
    return f"remove the folder {folder}, and run the same command to start from the beginning"
