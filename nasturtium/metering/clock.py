"""Time as the meter sees it: one monotonic clock, anchored once to the wall clock."""

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The machine's monotonic clock.

    The wall clock may be set back by NTP while a window is open, so it is read once, here, and
    only to tell when the job ran. Replays and tests put another object in its place.
    """

    def __init__(self) -> None:
        self._anchor_ns = time.monotonic_ns()
        self._anchor_wall = datetime.now(UTC)

    def now_ns(self) -> int:
        """Nanoseconds on the monotonic clock."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""
        time.sleep(seconds)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait ``seconds`` or until ``stop`` is set; whether it is."""
        return stop.wait(seconds)

    def wall(self, t_ns: int) -> datetime:
        """The wall-clock time, in UTC, of ``t_ns`` on the monotonic clock."""
        return self._anchor_wall + timedelta(microseconds=(t_ns - self._anchor_ns) / 1000)
