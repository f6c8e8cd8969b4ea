"""A job's messages: all of them go to its log file, and the progress to the terminal.

TensorFlow's C++ code and some libraries write directly to file descriptors 1 and 2, so these are
redirected to the log file. Only the ``nasturtium`` logger uses the duplicate that still leads to
the terminal.
"""

import contextlib
import faulthandler
import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from nasturtium.errors import NasturtiumError
from nasturtium.jobs import endings, snakemake_locks
from nasturtium.jobs.password import hidden
from nasturtium.plain_text import shown
from nasturtium.records.atomic import discard_open, why_unreadable, why_unwritable

logger = logging.getLogger("nasturtium")

# Names the file that the live view of the whole study reads; it replaces the terminal.
LIVE_VIEW = "NASTURTIUM_LIVE_VIEW"

_NO_MEMORY = re.compile("failed to map segment|[Cc]annot allocate memory|bad_alloc")


@contextmanager
def logged(
    log: str | os.PathLike, *, wait_s: float = 60.0, runtime_min: float | None = None
) -> Iterator[None]:
    """Run a script's body with its output in ``log`` and its progress on the terminal.

    Python's logging and warnings, standard output and error, TensorFlow's own lines, tracebacks
    and those of fatal signals all go to ``log``; records of the ``nasturtium`` logger from level
    INFO go to the terminal too. A :class:`NasturtiumError` ends the process with status 1 and its
    one sentence; so do a full disk and too little memory. Any other exception ends it with its
    traceback in the log.

    A signal ends the job at once, and so does the end of the Snakemake that runs it, so that it
    does not write while it is run again. If it ends slowly, the next run waits for it, by a lock
    beside the log, for at most ``wait_s`` seconds. If ``runtime_min`` is given, the job is also
    ended after that many minutes.

    The process ends with the block: TensorFlow would need most of a second to shut down, which
    matters in a study of many short jobs, and every file is already written and synced.
    """
    live_view = _live_view()
    terminal = live_view or os.fdopen(os.dup(2), "w", buffering=1)
    file = open(log, "w", buffering=1, encoding="utf-8")  # noqa: SIM115  (held open until the process ends)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    faulthandler.enable(file)
    _configure(file, terminal, _Line() if live_view else _Safe("  %(message)s"))
    endings.watch(partial(_end, file.fileno()))
    if runtime_min is not None:
        endings.limit(runtime_min, partial(_end, file.fileno()))
    try:
        _wait_for_others(Path(log), wait_s)
        yield
    except NasturtiumError as error:
        logger.error("%s", error)
        raise SystemExit(1) from None
    except Exception as error:
        sentence = _explained(error)
        if sentence is None:
            logger.exception("Failed with a defect, please report it with this traceback.")
            sentence = f"{type(error).__name__}: {error} (the traceback is in {log})"
        else:
            logger.debug("The traceback:", exc_info=error)
        logger.error("%s", sentence)
        raise SystemExit(1) from error
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _wait_for_others(log: Path, wait_s: float) -> None:
    """Wait for a process of an earlier run that still runs the same job."""

    def waiting(holder: str) -> None:
        logger.warning("Waiting for %s, which still runs this job.", holder)

    lock = log.with_name(f".{log.name}.lock")
    if not snakemake_locks.hold(lock, wait_s, waiting):
        logger.warning("%s: this file system has no locks; the job runs without a lock.", lock)


def _end(log: int, sentence: str, status: int) -> None:
    """End the process from a thread that waits for nothing, not even for logging's own locks."""
    discard_open()
    line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} ERROR nasturtium: {sentence}\n"
    with contextlib.suppress(OSError):
        os.write(log, line.encode())
    os._exit(status)


def _explained(error: Exception) -> str | None:
    """One sentence if the machine lacks memory or disk space; None for a defect."""
    # TensorFlow's own name for it, without an import of TensorFlow; and what the loader says.
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or _NO_MEMORY.search(str(error))
    ):
        detail = str(error).splitlines()[0] if str(error) else "an allocation failed"
        return (
            f"There is too little memory for this job ({detail}); give it more, choose a smaller "
            "training.batch_size, or run fewer jobs at once, and run the same command again."
        )
    if isinstance(error, OSError):
        what = error.filename or "A file"
        for verb, remedy in (("read", why_unreadable(error)), ("written", why_unwritable(error))):
            if remedy:
                return f"{what} could not be {verb}: {remedy}, and run the same command again."
    return None


class Progress:
    """Reports a loop's progress: every step to the log, a line per ``every_s`` to the terminal."""

    def __init__(self, total: int, *, every_s: float = 5.0):
        self._total = total
        # A live view overwrites its line, so it gets as many steps as one can follow.
        self._every_s = 0.3 if _live_view_path() else every_s
        self._last_s = time.monotonic()

    def step(self, number: int, text: str) -> None:
        """Report step ``number`` (counted from 1) of the total."""
        now_s = time.monotonic()
        due = number == self._total or now_s - self._last_s >= self._every_s
        if due:
            self._last_s = now_s
        level = logging.INFO if due else logging.DEBUG
        logger.log(level, "%s", text, extra={"passing": True})


class _Safe(logging.Formatter):
    """A record without the password of a storage, and without escape codes for the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return hidden(shown(super().format(record)))


class _Line(logging.Formatter):
    """A record for the live view: ``passing`` ones are shown until the next one comes."""

    def format(self, record: logging.LogRecord) -> str:
        text = hidden(shown(record.getMessage()))
        return json.dumps(
            {"job": os.getpid(), "text": text, "passing": getattr(record, "passing", False)}
        )


def _live_view_path() -> str | None:
    """The live view's file, if it exists; a job on another machine does not have it."""
    path = os.environ.get(LIVE_VIEW)
    return path if path and os.path.exists(path) else None


def _live_view():
    path = _live_view_path()
    return open(path, "a", buffering=1, encoding="utf-8") if path else None


def _configure(file, terminal, form: logging.Formatter) -> None:
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.INFO)
    to_file = logging.StreamHandler(file)
    to_file.setFormatter(_Safe("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(to_file)
    logger.setLevel(logging.DEBUG)
    to_terminal = logging.StreamHandler(terminal)
    to_terminal.setLevel(logging.INFO)
    to_terminal.setFormatter(form)
    logger.addHandler(to_terminal)
    logging.captureWarnings(True)
