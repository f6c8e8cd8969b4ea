"""The result of each method for one device in one window."""

from dataclasses import dataclass, field

import numpy as np

from nasturtium.metering import integrate
from nasturtium.metering.sources import Reading, Source
from nasturtium.metering.trace import Samples, Trace
from nasturtium.metering.windows import Window

SLOW_PERIOD_S = 2.0
"""Period of the slow thread that ``thread_2s`` imitates."""
SHORTEST_PERIODS = 20
"""A counter may be late by one update at an end: 5 % of a window of 20 updates."""
NAIVE = ("epoch_callback", "thread_2s")
"""Only for comparison with the others, never a window's energy."""
LARGEST_DISAGREEMENT = 0.10
"""Of counter and integrated power, as a share of the counter; above it one is wrong."""
LONGEST_DELAY_S = 0.1
NO_INSTANT = "from the driver's default power, since this device reports no instant power"


def is_late(reading: Reading, window: Window) -> bool:
    """Whether the driver answered so late that the reading does not belong to the window's end.

    What a counter counts in the meantime is not the window's. A delay of a hundredth of the window
    is accepted, and a tenth of a second, by which boards are late anyway.
    """
    return reading.delay_s > max(LONGEST_DELAY_S, 0.01 * window.duration_s)


def longest_allowed_gap_s(period_s: float) -> float:
    """Longer sampling gaps spoil an integral of power: 5 periods, and at least 1 s.

    Tracing a net's graph holds Python's global lock for some tenths of a second, in which power
    hardly changes; a whole second without a sample is too long.
    """
    return max(1.0, 5 * period_s)


@dataclass
class Figure:
    """The result of one method for one device in one window."""

    method: str
    energy_j: float | None = None
    problems: dict[str, str] = field(default_factory=dict)
    """Reasons by quality."""
    notes: list[str] = field(default_factory=list)
    """Remarks although the quality is ok."""
    n_samples: int | None = None
    max_gap_s: float | None = None

    def fail(self, quality: str, reason: str) -> "Figure":
        """Remove the energy, with the reason."""
        self.energy_j = None
        self.problems[quality] = reason
        return self


def counter(
    source: Source, window: Window, begin: Reading, end: Reading, inside: Samples
) -> Figure:
    """Difference of the device's energy counter between the two ends."""
    figure = Figure(source.counter_method)
    times, values = inside.field("energy_j")
    figure.n_samples = len(times)
    figure.max_gap_s = integrate.longest_gap_s(times, window.t0_ns, window.t1_ns)
    if begin.energy_j is None or end.energy_j is None:
        return figure.fail("error", _missing("counter", begin, end, begin.energy_j is None))
    for reading, border in ((begin, "begin"), (end, "end")):
        if is_late(reading, window):
            return figure.fail("error", _late(reading, border))
    # A sample taken while the first reading was pending may be older than that reading.
    values = values[times >= window.t0_ns + round(begin.delay_s * integrate.NS)]
    if integrate.went_backwards([begin.energy_j, *values, end.energy_j]):
        return figure.fail("error", "the counter went backwards inside the window")
    figure.energy_j = end.energy_j - begin.energy_j
    if figure.energy_j == 0 and window.duration_s < SHORTEST_PERIODS * source.update_period_s:
        return figure.fail("short", "the counter was not updated inside the window")
    if figure.max_gap_s > source.longest_unread_s:
        figure.problems["gap"] = (
            f"not read for {figure.max_gap_s:.0f} s, so the counter may have wrapped unnoticed"
        )
    return figure


def trapezoid(
    source: Source, window: Window, begin: Reading, end: Reading, inside: Samples, period_s: float
) -> Figure:
    """Integral of the sampled power, with the readings at both ends."""
    figure = Figure(source.power_method)
    times, power = inside.field("power_instant_w")
    begin, end = _in_time(begin, "begin", window), _in_time(end, "end", window)
    begin_w, end_w = begin.power_instant_w, end.power_instant_w
    if len(times) == 0 and begin_w is None and end_w is None:
        times, power = inside.field("power_average_w")
        begin_w, end_w = begin.power_average_w, end.power_average_w
        figure.notes.append(NO_INSTANT)
    figure.n_samples = len(times)
    figure.max_gap_s = integrate.longest_gap_s(times, window.t0_ns, window.t1_ns)
    if begin_w is None and end_w is None and len(times) == 0:
        return figure.fail("error", _missing("power", begin, end, True))
    allowed_s = longest_allowed_gap_s(period_s)
    # Power that was not sampled up to an end is not invented.
    first_ns = window.t0_ns if begin_w is not None else times[0] if len(times) else window.t1_ns
    last_ns = window.t1_ns if end_w is not None else times[-1] if len(times) else window.t0_ns
    for unread_ns in (first_ns - window.t0_ns, window.t1_ns - last_ns):
        if unread_ns > allowed_s * integrate.NS:
            return figure.fail("error", _missing("power", begin, end, begin_w is None))
    figure.energy_j = integrate.trapezoid_j(
        times, power, window.t0_ns, window.t1_ns, begin_w=begin_w, end_w=end_w
    )
    if figure.max_gap_s > allowed_s:
        figure.problems["gap"] = f"no sample of power for {figure.max_gap_s:.1f} s"
    return figure


def two_readings(window: Window, begin: Reading, end: Reading) -> Figure:
    """Mean of the power at the start and end of an epoch, times its duration."""
    figure = Figure("epoch_callback", n_samples=2)
    begin, end = _in_time(begin, "begin", window), _in_time(end, "end", window)
    first, last = _default_power(begin), _default_power(end)
    if first is None or last is None:
        return figure.fail("error", _missing("power", begin, end, first is None))
    figure.energy_j = (first + last) / 2 * window.duration_s
    return figure


def slow_thread(window: Window, trace: Trace, begin: Reading, end: Reading) -> Figure:
    """The result of a thread that reads the default power every 2 s: mean power times duration."""
    figure = Figure("thread_2s")
    if _default_power(begin) is None or _default_power(end) is None:
        # The device was lost: a mean over the earlier samples would look like the whole.
        return figure.fail("error", _missing("power", begin, end, _default_power(begin) is None))
    # The first sample of a slow period is less than a period before any other sample in it.
    before_ns = window.t0_ns - round(SLOW_PERIOD_S * integrate.NS)
    samples = trace.between(before_ns, window.t1_ns)
    times, power = samples.field("power_average_w")
    if len(times) == 0:
        times, power = samples.field("power_instant_w")
    kept = integrate.decimate(times, SLOW_PERIOD_S, origin_ns=trace.first_ns)
    kept = kept[times[kept] >= window.t0_ns]
    figure.n_samples = len(kept)
    figure.max_gap_s = integrate.longest_gap_s(times[kept], window.t0_ns, window.t1_ns)
    if len(kept) == 0:
        quality = "short" if window.duration_s <= SLOW_PERIOD_S else "gap"
        return figure.fail(quality, "no sample of a 2 s schedule falls into the window")
    if figure.max_gap_s > 2 * SLOW_PERIOD_S:
        figure.problems["gap"] = f"no sample of power for {figure.max_gap_s:.1f} s"
    figure.energy_j = float(np.mean(power[kept])) * window.duration_s
    return figure


def compare(figures: list[Figure]) -> None:
    """Mark counter and integral if they contradict each other."""
    if len(figures) != 2 or any(figure.energy_j is None for figure in figures):
        return
    by_counter, by_power = figures
    if "gap" in by_power.problems:
        return
    difference = abs(by_counter.energy_j - by_power.energy_j)
    if difference > LARGEST_DISAGREEMENT * by_counter.energy_j:
        reason = (
            f"{by_counter.method} gives {by_counter.energy_j:.3g} J, but "
            f"{by_power.method} {by_power.energy_j:.3g} J"
        )
        for figure in figures:
            figure.problems["disagree"] = reason


def _in_time(reading: Reading, border: str, window: Window) -> Reading:
    """The reading, or an empty one with the reason if it came too late."""
    return Reading(reason=_late(reading, border)) if is_late(reading, window) else reading


def _late(reading: Reading, border: str) -> str:
    return f"the driver took {reading.delay_s:.1f} s to answer at the {border} of the window"


def _missing(what: str, begin: Reading, end: Reading, at_begin: bool) -> str:
    reading, border = (begin, "begin") if at_begin else (end, "end")
    why = f" ({reading.reason})" if reading.reason else ""
    return f"no {what} at the {border} of the window{why}"


def _default_power(reading: Reading) -> float | None:
    if reading.power_average_w is not None:
        return reading.power_average_w
    return reading.power_instant_w
