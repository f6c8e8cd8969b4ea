"""The one thread that reads every source at a fixed rate."""

import os
import random
import threading
from collections.abc import Sequence
from dataclasses import replace

from nasturtium.metering.clock import Clock
from nasturtium.metering.integrate import NS
from nasturtium.metering.sources import Reading, Source, is_readable
from nasturtium.metering.trace import Trace

FORKED = "the process forked: the meter belongs to its parent"


class Sampler:
    """Reads each source once per ``period_s`` into a trace.

    Time is divided into periods, and a sample is taken at a random moment of each. With a fixed
    rate, a net whose steps repeat at that rate would always be sampled in the same part of a step.
    A late reading does not delay later ones. Missed readings are left out and not invented, and
    their window shows the gap. Equal consecutive readings are kept, since a constant power is a
    measurement too.

    Parameters
    ----------
    sources
        What to read.
    clock
        The clock of the whole meter.
    period_s
        NVIDIA boards update their figures every 0.1 s.
    """

    def __init__(self, sources: Sequence[Source], clock: Clock, period_s: float = 0.1) -> None:
        self.sources = list(sources)
        self.period_s = period_s
        self.traces = [Trace() for _ in self.sources]
        self._clock = clock
        # A separate generator, seeded by the system, so that the study's random numbers do not
        # change.
        self._random = random.Random()
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this process started the sampler: a forked child has neither thread nor NVML."""
        return os.getpid() == self._pid

    def read(self) -> list[Reading]:
        """Read every source now, outside the schedule and without a trace."""
        if not self.is_ours:
            return [Reading(reason=FORKED) for _ in self.sources]
        asked_ns, readings = self._clock.now_ns(), []
        for source in self.sources:
            reading = source.read()
            delay_s = (self._clock.now_ns() - asked_ns) / NS
            readings.append(replace(reading, delay_s=delay_s))
        return readings

    def processes(self) -> list[tuple[int | None, str | None]]:
        """Number of processes on each device, or why it is unknown."""
        if not self.is_ours:
            return [(None, FORKED) for _ in self.sources]
        return [source.processes() for source in self.sources]

    def sample(self) -> None:
        """Take one sample of every source that can be read."""
        for source, trace in zip(self.sources, self.traces, strict=True):
            if is_readable(source):
                t_ns = self._clock.now_ns()
                trace.append(t_ns, source.read())

    def start(self) -> None:
        """Start the thread; it ends with the process at the latest."""
        self._thread = threading.Thread(target=self._run, name="power sampler", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the thread; returns whether it ended within ``timeout_s``, unless a driver hangs."""
        if self._thread is None or not self.is_ours:
            return True
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def moment_ns(self, tick: int) -> int:
        """Time of a period's sample since the start; ``tick`` counts from 0."""
        return round((tick + self._random.random()) * self.period_s * NS)

    def _run(self) -> None:
        period_ns = round(self.period_s * NS)
        start_ns = self._clock.now_ns()
        tick = 0
        while True:
            self.sample()
            now_ns = self._clock.now_ns()
            # The current period now has a sample, even if it was due in an earlier one.
            tick = max(tick, (now_ns - start_ns) // period_ns) + 1
            wait_ns = start_ns + self.moment_ns(tick) - now_ns
            if self._clock.wait(self._stop, max(0, wait_ns) / NS):
                return
