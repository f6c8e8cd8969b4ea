"""What a search has done so far, on disk: an interrupted one goes on where it stopped.

Every trial that ended is one file. A resumed search asks its oracle anew and takes the recorded
outcome of each trial that it proposes again; oracles are deterministic, so that it arrives where
it was, and goes on as if nothing had happened. Nothing of an oracle has to be stored for that.

Several workers share a folder and an Optuna study; each has a lock of its own, by which the others
see whether it lives.
"""

import hashlib
import json
import logging
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from nasturtium.errors import DamageError, SearchError
from nasturtium.jobs.locks import FileLock, is_locked, locked
from nasturtium.records.checksums import read_json, write_json
from nasturtium.search.trial_files import TrialFiles, is_damaged

logger = logging.getLogger(__name__)

_LOCK, _FINGERPRINT, _FINISHED, _NONCE = "lock", "fingerprint", "finished", "study"
_END = "ended"
# So long a state may be in the hands of a process that empties it, or that has just been ended.
_PATIENCE_S = 30.0
# Without a checksum: of a version whose searches are none of this one's.
_OLD_FINGERPRINT = re.compile(rb"[0-9a-f]{64}")


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
        write_json(self.folder / _FINISHED, how or {})

    @property
    def nonce(self) -> str:
        """Made when the state was emptied: no study of an earlier state has it in its name."""
        return read_json(self.folder / _NONCE, remedy=_anew(self.folder))["name"]

    def proposing(self) -> AbstractContextManager:
        """One worker at a time chooses its next trial in such a block."""
        return locked(self.folder / "proposing")

    def is_running(self, worker: int) -> bool:
        """Whether a process of that worker lives."""
        return is_locked(self._worker_lock(worker))

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
        return (_whole(self.folder / _END) or {"trials": 0})["trials"]

    def _worker_lock(self, worker: int) -> Path:
        return self.folder / "workers" / f"{worker}.lock"


@contextmanager
def open_state(folder: str | Path, fingerprint: str) -> Iterator[SearchState]:
    """The state in ``folder`` for the search with this fingerprint, locked.

    It is emptied unless it belongs to an interrupted search with the same fingerprint. The lock
    goes with the process, however that ends.

    Raises
    ------
    SearchError
        Another process holds it.
    """
    folder = Path(folder)
    lock = FileLock(folder / _LOCK)
    if not lock.take(wait=False):
        raise SearchError(_busy(folder))
    try:
        _take_over(folder, fingerprint)
        yield SearchState(folder, fingerprint)
    finally:
        lock.release()


@contextmanager
def join_state(folder: str | Path, fingerprint: str, worker: int) -> Iterator[SearchState]:
    """The same for one of several workers: they hold the state together.

    Raises
    ------
    SearchError
        The same worker runs already, workers of another search do, or one process alone has it.
    """
    folder = Path(folder)
    lock, own = FileLock(folder / _LOCK), FileLock(folder / "workers" / f"{worker}.lock")
    try:
        _join(lock, folder, fingerprint)
        state = SearchState(folder, fingerprint)
        # Whoever looks whether a worker lives holds its lock for a moment, in such a block.
        with state.proposing():
            if not own.take(wait=False):
                raise SearchError(
                    f"{folder}: worker {worker} of this search is running already; wait until it "
                    "has ended, or stop it, and run the same command again."
                )
        yield state
    finally:
        own.release()
        lock.release()


@contextmanager
def gather_state(folder: str | Path, fingerprint: str) -> Iterator[SearchState]:
    """The state that all workers have left, for the one process that collects from it.

    Raises
    ------
    SearchError
        A worker still runs, or the state is not that of this search.
    """
    folder = Path(folder)
    lock = FileLock(folder / _LOCK)
    try:
        _wait_for(lambda: lock.take(wait=False), folder)
        if _known(folder) != fingerprint:
            raise SearchError(
                f"{folder}: does not hold the trials of this search; run the same command with "
                "'--forcerun search_worker'."
            )
        yield SearchState(folder, fingerprint)
    finally:
        lock.release()


def provenance_of(settings: Mapping, code: str, workers: int) -> dict[str, object]:
    """How results came about, for :func:`read_provenance`."""
    return {"of": fingerprint(settings=settings, code=code), "workers": workers}


def read_provenance(folder: str | Path) -> dict:
    """What the search whose results are written said to :meth:`SearchState.finish`."""
    try:
        return read_json(Path(folder) / _FINISHED)
    except DamageError:
        # Missing or not whole: how it was made is not known.
        return {}


def _join(lock: FileLock, folder: Path, fingerprint: str) -> None:
    """Take the shared lock on a state with this fingerprint, emptied if it has to be."""
    while True:
        alone = lock.take(wait=False)
        if alone:
            _take_over(folder, fingerprint)
            lock.take(shared=True)
        else:
            _wait_for(lambda: lock.take(shared=True, wait=False), folder)
        if _known(folder) == fingerprint and not _is_finished(folder):
            return
        lock.release()
        if not alone:
            raise SearchError(
                f"{folder}: workers of a search with another space, objective, data set or code "
                "still run; wait until they have ended, or stop them, and run the same command "
                "again."
            )


def _wait_for(take: Callable[[], bool], folder: Path) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not take():
        if time.monotonic() > deadline_s:
            raise SearchError(_busy(folder))
        time.sleep(0.05)


def _busy(folder: Path) -> str:
    return (
        f"{folder}: another process is writing this search's state; wait until it has ended, or "
        "stop it, and run the same command again."
    )


def _known(folder: Path) -> str | None:
    """Fingerprint of the search that the folder belongs to; its records tell it too."""
    path = folder / _FINGERPRINT
    if not path.exists():
        return None
    if path.is_file() and _OLD_FINGERPRINT.fullmatch(path.read_bytes()):
        return ""
    found = _whole(path)
    if found is None:
        logger.warning("%s is damaged: which search it is of is told by its trials.", path)
        marks = SearchState(folder).marks()
        return marks.pop() if len(marks) == 1 else ""
    return found["of"]


def _is_finished(folder: Path) -> bool:
    return _whole(folder / _FINISHED) is not None


def _whole(path: Path) -> dict | None:
    """What a note holds; None where it is missing or damaged."""
    try:
        return read_json(path)
    except DamageError as error:
        if not is_damaged(error):
            raise
        return None


def _anew(folder: Path) -> str:
    return f"remove the folder {folder} and run the same command again, so that it starts anew"


def _take_over(folder: Path, fingerprint: str) -> None:
    """Empty the folder, but for the lock, where what it holds is not to be resumed."""
    known = _known(folder)
    if known == fingerprint and not _is_finished(folder):
        _mend(folder, fingerprint)
        return
    if known and known != fingerprint:
        logger.info("%s: made for another space, objective, data set or code; starts anew.", folder)
    elif known is None and SearchState(folder).names():
        logger.warning("%s: its file %s is gone; starts anew.", folder, _FINGERPRINT)
    # First, so that what is left of an emptying that was cut short is never taken for a search.
    _remove(folder / _FINGERPRINT)
    for path in folder.iterdir():
        if path.name != _LOCK:
            _remove(path)
    _mend(folder, fingerprint)


def _mend(folder: Path, fingerprint: str) -> None:
    """Write what is not there or damaged of the search's own notes."""
    # Damaged: the results are not known to be written, and are made of what is on record.
    _remove(folder / _FINISHED)
    for name, content in (
        (_NONCE, {"name": uuid.uuid4().hex}),
        (_FINGERPRINT, {"of": fingerprint}),
    ):
        if _whole(folder / name) is None:
            _remove(folder / name)
            write_json(folder / name, content)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
