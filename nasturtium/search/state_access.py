"""Decides who may use the state of a search, and whether the search continues or starts again.

Either one process has the state, or several workers share it, or one process collects their
results. A state of another search, or of a finished one, is emptied first.
"""

import logging
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nasturtium.errors import SearchError
from nasturtium.jobs.locks import FileLock
from nasturtium.records.checksums import write_json
from nasturtium.search.state import FINISHED, NONCE, SearchState, read_note

logger = logging.getLogger(__name__)

_LOCK, _FINGERPRINT = "lock", "fingerprint"
# So long this process waits for one that is emptying the state, or that was just stopped.
_PATIENCE_S = 30.0
# Without a checksum: from a version whose searches can't be continued.
_OLD_FINGERPRINT = re.compile(rb"[0-9a-f]{64}")


@contextmanager
def open_state(folder: str | Path, fingerprint: str) -> Iterator[SearchState]:
    """The state in ``folder`` for the search with this fingerprint, locked.

    It is emptied unless it belongs to an interrupted search with the same fingerprint. The lock
    ends with the process.

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
    """The same for one of several workers, which share the state.

    Raises
    ------
    SearchError
        The same worker runs already, workers of another search do, or one process alone has it.
    """
    folder = Path(folder)
    state = SearchState(folder, fingerprint)
    lock, own = FileLock(folder / _LOCK), FileLock(state.worker_lock(worker))
    try:
        _join(lock, folder, fingerprint)
        # A process that checks whether a worker is alive holds its lock for a moment, in such a
        # block.
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
    """The state after all workers have ended, for the process that collects their results.

    Raises
    ------
    SearchError
        A worker still runs, or the state is not that of this search.
    """
    folder = Path(folder)
    lock = FileLock(folder / _LOCK)
    try:
        _wait_for(lambda: lock.take(wait=False), folder)
        if known_fingerprint(folder) != fingerprint:
            raise SearchError(
                f"{folder}: does not hold the trials of this search; run the same command with "
                "'--forcerun search_worker'."
            )
        yield SearchState(folder, fingerprint)
    finally:
        lock.release()


def _join(lock: FileLock, folder: Path, fingerprint: str) -> None:
    """Take the shared lock on a state with this fingerprint; empty the state if necessary."""
    while True:
        alone = lock.take(wait=False)
        if alone:
            _take_over(folder, fingerprint)
            lock.take(shared=True)
        else:
            _wait_for(lambda: lock.take(shared=True, wait=False), folder)
        if known_fingerprint(folder) == fingerprint and not _is_finished(folder):
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


def known_fingerprint(folder: Path) -> str | None:
    """Fingerprint of the search to which the folder belongs; the trials' records have it too."""
    path = folder / _FINGERPRINT
    if not path.exists():
        return None
    if path.is_file() and _OLD_FINGERPRINT.fullmatch(path.read_bytes()):
        return ""
    found = read_note(path)
    if found is None:
        logger.warning("%s is damaged; its trials' records say which search it is.", path)
        marks = SearchState(folder).marks()
        return marks.pop() if len(marks) == 1 else ""
    return found["of"]


def _is_finished(folder: Path) -> bool:
    return read_note(folder / FINISHED) is not None


def _take_over(folder: Path, fingerprint: str) -> None:
    """Empty the folder, except for the lock, unless its search can be resumed."""
    known = known_fingerprint(folder)
    if known == fingerprint and not _is_finished(folder):
        _mend(folder, fingerprint)
        return
    if known and known != fingerprint:
        logger.info(
            "%s: made for another space, objective, data set or code; the search starts anew.",
            folder,
        )
    elif known is None and SearchState(folder).names():
        logger.warning("%s: its file %s is gone; the search starts anew.", folder, _FINGERPRINT)
    # First, so that a folder that was only partly emptied is never taken for a search.
    _remove(folder / _FINGERPRINT)
    for path in folder.iterdir():
        if path.name != _LOCK:
            _remove(path)
    _mend(folder, fingerprint)


def _mend(folder: Path, fingerprint: str) -> None:
    """Write those of the search's small files that are missing or damaged."""
    # If it is damaged, it is not known whether the results are written: they are made from the
    # records.
    _remove(folder / FINISHED)
    for name, content in (
        (NONCE, {"name": uuid.uuid4().hex}),
        (_FINGERPRINT, {"of": fingerprint}),
    ):
        if read_note(folder / name) is None:
            _remove(folder / name)
            write_json(folder / name, content)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
