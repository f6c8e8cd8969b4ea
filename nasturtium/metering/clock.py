"""The meter's time: one monotonic clock, related once to the wall clock."""

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The machine's monotonic clock.

    NTP may set the wall clock back while a window is open, so it is read only once, here, to know
    when the job ran. Replays and tests use another object instead.
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
        """Wait ``seconds`` or until ``stop`` is set; returns whether it is."""
        return stop.wait(seconds)

    def wall(self, t_ns: int) -> datetime:
        """The wall-clock time, in UTC, of ``t_ns`` on the monotonic clock."""
        return self._anchor_wall + timedelta(microseconds=(t_ns - self._anchor_ns) / 1000)
