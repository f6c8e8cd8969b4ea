"""The end of a job from outside: by a signal, or because the Snakemake that runs it is gone.

A thread waits for either, so that the job ends at once whatever its main thread does; Python's own
handlers would wait until TensorFlow comes back to Python.
"""

import contextlib
import os
import platform
import select
import signal
import threading
import time
from collections.abc import Callable

import psutil

# Names the Snakemake process that runs a job: the workflow sets it, and scripts inherit it.
SNAKEMAKE = "NASTURTIUM_SNAKEMAKE"

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def announce() -> None:
    """Name this process to the jobs that it will run; also where it is itself a job of Slurm's."""
    os.environ[SNAKEMAKE] = f"{os.getpid()} {_numbering()}"


def watch(end: Callable[[str, int], object]) -> None:
    """From here on, call ``end`` as soon as this job has to end; from the main thread only.

    Parameters
    ----------
    end
        Given a sentence that says why, and the exit status. It is called in another thread and
        must end the process.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _ENDING:
        # What is ignored stays so: nohup, and jobs in the background of a shell script.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _nothing)
    threading.Thread(target=_await_signal, args=(reading, end), name="signals", daemon=True).start()
    runner = _runner()
    if runner is not None:
        threading.Thread(target=_await_end, args=(runner, end), name="runner", daemon=True).start()


def _runner() -> int | None:
    """The number of the Snakemake process that runs this job, if it can be seen from here."""
    number, _, numbering = os.environ.get(SNAKEMAKE, "").partition(" ")
    return int(number) if number and numbering == _numbering() else None


def _await_end(runner: int, end: Callable[[str, int], object]) -> None:
    _wait_for(runner)
    end(
        f"Ended, as the Snakemake that ran this job is gone (process {runner}); the same command "
        "goes on from here.",
        1,
    )


def _wait_for(number: int) -> None:
    """Return when the process has ended; at once if it had before."""
    try:
        process = os.pidfd_open(number)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):
        # Not Linux, an old one, or a container that forbids it.
        with contextlib.suppress(psutil.NoSuchProcess):
            while psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.5)
        return
    # Readable as soon as it has ended, even if nobody has asked for its status yet.
    select.select([process], [], [])


def _await_signal(reading: int, end: Callable[[str, int], object]) -> None:
    while True:
        number = os.read(reading, 1)[0]
        if number in _ENDING:
            name = signal.Signals(number).name
            end(f"Ended by {name}; the same command goes on from here.", 128 + number)


def _nothing(number: int, frame: object) -> None:
    """Takes the place of the default action; the thread acts."""


def _numbering() -> str:
    """Where a process number means what it means here: the machine, and the container in it."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{platform.node()} {namespace}".rstrip()
