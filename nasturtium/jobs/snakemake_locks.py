"""Locks that end with their process, so that nothing has to be unlocked by hand."""

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from nasturtium.errors import JobError
from nasturtium.jobs import locks

# Open files whose locks last as long as this process. Children don't inherit them.
_held: list[TextIO] = []


def join_runs(folder: str | os.PathLike = ".snakemake") -> None:
    """Mark this Snakemake as running in ``folder``, until it ends.

    Snakemake's own lock files remain when it is killed. If no other run is alive, nobody owns them:
    they are removed, and one sentence on standard error says so. If another run is alive, they are
    left to Snakemake. If files can't be locked, nothing is done.

    Parameters
    ----------
    folder
        Snakemake's folder in its working directory.
    """
    folder = Path(folder)
    try:
        folder.mkdir(exist_ok=True)
        alive = open(folder / "nasturtium.lock", "a+")  # noqa: SIM115  (held as long as we live)
        is_alone = locks.take(alive, wait=False)
        if is_alone:
            _remove_orphaned(folder / "locks")
        # Shared: Snakemake itself decides which runs may work at the same time.
        locks.take(alive, shared=True)
    except OSError:
        # A read-only folder, or a file system without locks: Snakemake itself reports the first,
        # and on the second its own lock files are used as usual.
        return
    _held.append(alive)


def hold(path: str | os.PathLike, wait_s: float, waiting: Callable[[str], None]) -> bool:
    """Lock ``path`` for the rest of this process; whether its file system has locks.

    Parameters
    ----------
    wait_s
        Seconds to wait for another process that has it.
    waiting
        Called once with the process that has it, if this one has to wait.

    Raises
    ------
    JobError
        The other process still has it after that time.
    """
    lock = open(path, "a+")  # noqa: SIM115  (held as long as we live)
    deadline_s = time.monotonic() + wait_s
    told = False
    try:
        while not locks.take(lock, wait=False):
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            if time.monotonic() >= deadline_s:
                lock.close()
                raise JobError(
                    f"{path}: {holder} still writes what this job makes, after {wait_s:g} s; stop "
                    "it, or wait until it has ended, and run the same command again."
                )
            if not told:
                waiting(holder)
                told = True
            time.sleep(0.05)
    except OSError:
        lock.close()
        return False
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {platform.node()}")
    lock.flush()
    _held.append(lock)
    return True


def _remove_orphaned(locks: Path) -> None:
    """Remove the lock files of Snakemake runs that have ended."""
    left = sorted(locks.glob("*.lock"))
    for path in left:
        path.unlink(missing_ok=True)
    if left:
        # Not standard output: a graph of the workflow may be written there.
        message = "The last run was killed; its locks are removed, and this run continues.\n"
        sys.stderr.write(message)
