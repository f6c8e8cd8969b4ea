"""How a job ends when it does not end by itself: with its Snakemake, by a signal, without memory.

In the job, threads wait for a signal, for the end of the Snakemake that runs it and, in a fork, for
the end of its script. So the job ends at once, whatever its main thread does; Python's own signal
handlers would wait until TensorFlow returns to Python. Snakemake passes an interrupt on to its
jobs, and explains in one sentence if a job was killed for lack of memory.
"""

import contextlib
import os
import platform
import re
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import psutil

from nasturtium.jobs import forking

# Names the Snakemake process that runs a job: the workflow sets it, and scripts inherit it.
SNAKEMAKE = "NASTURTIUM_SNAKEMAKE"

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Exit statuses that most likely mean that the kernel killed the job for lack of memory.
_MEMORY_SIGNALS = {9: "SIGKILL", 6: "SIGABRT"}
# Snakemake's messages for a job that died, and for one whose shell reports that it died.
_DEATH = re.compile(r"died with <Signals\.\w+: (\d+)>|non-zero exit status (\d+)")


def announce() -> None:
    """Name this process to the jobs that it will run, also if it is itself a job of Slurm."""
    os.environ[SNAKEMAKE] = f"{os.getpid()} {_numbering()}"


def watch(end: Callable[[str, int], object]) -> None:
    """From here on, call ``end`` as soon as this job has to end; from the main thread only.

    Parameters
    ----------
    end
        Called with a sentence that says why, and the exit status, in another thread. It must end
        the process.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _ENDING:
        # Ignored signals stay ignored: nohup, and background jobs of a shell script.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _nothing)
    threading.Thread(target=_await_signal, args=(reading, end), name="signals", daemon=True).start()
    runner = _runner()
    if runner is not None:
        threading.Thread(target=_await_end, args=(runner, end), name="runner", daemon=True).start()
    script = forking.end_of_script()
    if script is not None:
        threading.Thread(
            target=_await_script, args=(script, end), name="script", daemon=True
        ).start()


def limit(runtime_min: float, end: Callable[[str, int], object]) -> None:
    """Call ``end`` as :func:`watch` does when this job has run for so many minutes."""

    def act() -> None:
        end(
            f"Ended, as it ran for longer than its resource runtime, {runtime_min:g} minutes; give "
            "it more (--set-resources), and run the same command again.",
            1,
        )

    timer = threading.Timer(60 * runtime_min, act)
    timer.daemon = True
    timer.start()


def pass_interrupts_on() -> None:
    """From here on, SIGINT to this Snakemake ends its jobs too; Ctrl-C on a terminal does anyway.

    Snakemake waits for jobs that were not interrupted, and then discards their results, so that the
    same command makes them again. A job that ends at once keeps its state instead.
    """
    is_main = threading.current_thread() is threading.main_thread()
    # If a program calls Snakemake, or lets it ignore SIGINT, that is intended.
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def no_memory(logs: str | Sequence[str]) -> str | None:
    """One sentence if one of Snakemake's logs shows a lack of memory; otherwise None."""
    paths = [logs] if isinstance(logs, str) else logs
    text = "".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in paths)
    for by_signal, status in _DEATH.findall(text):
        number = int(by_signal) if by_signal else int(status) - 128
        if number in _MEMORY_SIGNALS:
            return (
                f"A job was ended by {_MEMORY_SIGNALS[number]}, most likely for lack of memory; "
                "give it more, choose a smaller training.batch_size, or run fewer jobs at once, "
                "and run the same command again."
            )
    return None


def _runner() -> int | None:
    """The process id of the Snakemake that runs this job, if it is visible from here."""
    number, _, numbering = os.environ.get(SNAKEMAKE, "").partition(" ")
    return int(number) if number and numbering == _numbering() else None


def _await_end(runner: int, end: Callable[[str, int], object]) -> None:
    _wait_for(runner)
    end(
        f"Ended, as the Snakemake that ran this job is gone (process {runner}); run the same "
        "command to continue.",
        1,
    )


def _await_script(descriptor: int, end: Callable[[str, int], object]) -> None:
    os.read(descriptor, 1)
    end(
        "Ended, as the script that this process is a fork for is gone; run the same command "
        "to continue.",
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
    # Readable as soon as the process has ended, even if nobody has read its exit status yet.
    select.select([process], [], [])


def _await_signal(reading: int, end: Callable[[str, int], object]) -> None:
    while True:
        number = os.read(reading, 1)[0]
        if number in _ENDING:
            name = signal.Signals(number).name
            end(f"Ended by {name}; run the same command to continue.", 128 + number)


def _nothing(number: int, frame: object) -> None:
    """Replaces the default action; the thread reacts to the signal."""


def _numbering() -> str:
    """Where process ids mean the same as here: the machine, and the container in it."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{platform.node()} {namespace}".rstrip()


def _interrupt(number: int, frame: FrameType | None) -> None:
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.send_signal(number)
    raise KeyboardInterrupt
