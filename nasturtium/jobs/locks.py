"""Locks between processes; they end with their process, in whatever way it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def take(file: IO | int, *, shared: bool = False, wait: bool = True) -> bool:
    """Take ``flock`` on an open file or its descriptor; whether that was possible.

    A lock that is already held is converted to the other kind. That is not atomic: another process
    may take the lock in between, and if the conversion fails, the lock may be lost.

    Raises
    ------
    OSError
        The file system has no locks.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


class FileLock:
    """``flock`` on a separate file; between machines it needs a file system that supports it.

    A lock file that is made and removed, as Optuna's are, would survive a process that is killed.
    """

    def __init__(self, path: str | Path):
        self._path = Path(path)
        self._file = None

    def take(self, *, shared: bool = False, wait: bool = True) -> bool:
        """As the function, on the lock's own file; a lock that can't be converted is released."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "a")  # noqa: SIM115  (open as long as it is held)
        taken = take(self._file, shared=shared, wait=wait)
        if not taken:
            self.release()
        return taken

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._file is not None:
            self._file.close()
            self._file = None


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Hold the exclusive lock ``path`` in the block; waits for it."""
    lock = FileLock(path)
    lock.take()
    try:
        yield
    finally:
        lock.release()


def is_locked(path: str | Path) -> bool:
    """Whether anyone holds the lock ``path``, this process included."""
    lock = FileLock(path)
    free = lock.take(wait=False)
    lock.release()
    return not free
