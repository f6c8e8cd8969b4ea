"""Time limits of a trial, and of a search with its rungs."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nasturtium.errors import SearchError
from nasturtium.settings.rungs import least_finalists, spent_epochs


class TooSlow(SearchError):
    """A trial took longer than allowed."""


class OutOfTime(SearchError):
    """The search's time is over: no further net is started."""


@contextmanager
def limited(minutes: float | None) -> Iterator[None]:
    """End the block with an error after this number of minutes; None for no limit.

    It uses a signal to the main thread, so that code that hangs in Python ends too. A call that
    hangs in a library's native code ends only when it returns.

    Raises
    ------
    TooSlow
        The block took longer.
    """
    if minutes is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise TooSlow(f"took longer than search.trial_minutes, {minutes:g}")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def rung_deadlines_s(
    hours: float | None, nets: int, rungs: Sequence[int], children_epochs: int = 0
) -> list[float]:
    """By rung, the total seconds of trials after which no further net begins it; may be infinite.

    Each rung has the same share of the time as of the epochs. The last one is for children.
    """
    if hours is None:
        return [float("inf")] * (len(rungs) + 1)
    least = least_finalists(children_epochs)
    spent = [spent_epochs(nets, rungs[: n + 1], least) for n in range(len(rungs))]
    whole = spent[-1] + children_epochs
    return [3600 * hours * epochs / whole for epochs in (*spent, whole)]
