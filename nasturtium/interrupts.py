"""An interrupt of Snakemake alone, as by a process manager, means what Ctrl-C means."""

import contextlib
import signal
import threading
from types import FrameType

import psutil


def pass_on() -> None:
    """From here on, SIGINT to this Snakemake ends its jobs too; Ctrl-C on a terminal does anyway.

    Snakemake waits for jobs that were not interrupted, and then forgets what they have made, so
    that the same command makes it once more. A job that ends at once keeps its state instead.
    """
    is_main = threading.current_thread() is threading.main_thread()
    # Whoever calls Snakemake from a program of their own, or lets it ignore SIGINT, wants that.
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.send_signal(number)
    raise KeyboardInterrupt
