"""What a job tells: everything to its log file, the progress to the terminal.

TensorFlow's C++ code and some libraries write to file descriptors 1 and 2 directly, so these are
turned to the log file; the terminal keeps a duplicate that only the ``nasturtium`` logger uses.
"""

import faulthandler
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nasturtium.errors import NasturtiumError

logger = logging.getLogger("nasturtium")

# Names the file that a live view of the whole study reads; it takes the terminal's place.
LIVE_VIEW = "NASTURTIUM_LIVE_VIEW"


@contextmanager
def job(log: str | os.PathLike) -> Iterator[None]:
    """Run a script's body with its output in ``log`` and its progress on the terminal.

    Python's logging and warnings, standard output and error, TensorFlow's own lines, tracebacks
    and those of fatal signals all go to ``log``; records of the ``nasturtium`` logger from level
    INFO go to the terminal too. A :class:`NasturtiumError` ends the process with status 1 and its
    one sentence; any other exception ends it with its traceback in the log.

    The process ends with the block: to take itself down, TensorFlow needs most of a second that a
    study of many short jobs can't spare, and by then every file is written and synced.
    """
    live_view = _live_view()
    terminal = live_view or os.fdopen(os.dup(2), "w", buffering=1)
    file = open(log, "w", buffering=1)  # noqa: SIM115  (held open until the process ends)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    faulthandler.enable(file)
    _configure(file, terminal, _Line() if live_view else logging.Formatter("  %(message)s"))
    try:
        yield
    except NasturtiumError as error:
        logger.error("%s", error)
        raise SystemExit(1) from None
    except Exception as error:
        logger.exception("Failed with a defect, please report it with this traceback.")
        logger.error("%s: %s (the traceback is in %s)", type(error).__name__, error, log)
        raise SystemExit(1) from error
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Progress:
    """Says where a loop stands: every step to the log, one line in ``every_s`` to the terminal."""

    def __init__(self, total: int, *, every_s: float = 5.0):
        self._total = total
        # A live view overwrites its line, so it may have every step that an eye can follow.
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


class _Line(logging.Formatter):
    """A record for the live view: ``passing`` ones are shown until the next one comes."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        return json.dumps(
            {"job": os.getpid(), "text": text, "passing": getattr(record, "passing", False)}
        )


def _live_view_path() -> str | None:
    """The live view's file, if it is here: a job on another machine does not have it."""
    path = os.environ.get(LIVE_VIEW)
    return path if path and os.path.exists(path) else None


def _live_view():
    path = _live_view_path()
    return open(path, "a", buffering=1) if path else None


def _configure(file, terminal, form: logging.Formatter) -> None:
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.INFO)
    to_file = logging.StreamHandler(file)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(to_file)
    logger.setLevel(logging.DEBUG)
    to_terminal = logging.StreamHandler(terminal)
    to_terminal.setLevel(logging.INFO)
    to_terminal.setFormatter(form)
    logger.addHandler(to_terminal)
    logging.captureWarnings(True)
