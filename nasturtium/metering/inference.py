"""Energy per inference: joules per sample, with their spread."""

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from nasturtium.metering.accounting import WORST_FIRST, WindowEnergy
from nasturtium.metering.integrate import NS
from nasturtium.metering.meter import Meter

FEWEST_CALLS = 32
LONGEST_PAUSE_S = 0.1


@dataclass(frozen=True)
class InferenceEnergy:
    """Joules per sample over repeated windows; None with a reason if nothing was measured."""

    samples_per_call: int
    """The batch size, on which energy per sample depends."""
    joules_per_sample_mean: float | None = None
    """Including idle power."""
    joules_per_sample_sd: float | None = None
    """Sample standard deviation over the windows; None with fewer than two."""
    net_joules_per_sample_mean: float | None = None
    """Minus the idle power over the same time; below 0 if noise exceeds the load."""
    net_joules_per_sample_sd: float | None = None
    n_windows: int = 0
    """Windows that were measured."""
    n_calls: int = 0
    """Calls in those windows."""
    seconds_per_sample: float | None = None
    """Mean of calls that follow each other without waiting for results."""
    power_mean_w: float | None = None
    idle_power_w: float | None = None
    """Mean power in the idle window before them."""
    device_kind: str = "none"
    method: str = "none"
    quality: str = "none"
    """The worst among the windows."""
    reason: str | None = None


def measure_inference(
    call: Callable[[], object],
    samples_per_call: int,
    *,
    meter: Meter,
    key: str = "inference",
    window_s: float = 5.0,
    repeats: int = 4,
    warm_up_s: float = 2.0,
    idle_s: float = 5.0,
    seed: int = 0,
) -> InferenceEnergy:
    """Measure the energy of ``call`` repeatedly.

    One call initialises the device, an ``idle`` window measures its idle power, and a warm-up
    brings clocks and temperature to a steady state. Then ``repeats`` windows of kind ``inference``
    follow, each of at least ``window_s`` and 32 calls, with random pauses between them. Otherwise a
    sensor that observes 25 of every 100 ms would observe the same phase of every window: arXiv
    2312.02741 recommends windows of 5 s, 32 repetitions, 4 trials and such pauses.

    If nothing can be measured, it returns at once, without a call.

    Parameters
    ----------
    call
        Runs one batch on the device. It does not have to wait for the result; the windows are
        synchronised only at their ends, so that the device does not wait inside them.
    samples_per_call
        Size of that batch.
    meter
        The process's meter, with ``synchronise`` set.
    key
        Name of the windows.
    window_s, repeats, warm_up_s, idle_s
        Lengths and number.
    seed
        Seed of the pauses.

    Raises
    ------
    ValueError
        Fewer than one sample per call, or fewer than one repeat.
    """
    if samples_per_call < 1 or repeats < 1:
        raise ValueError(
            f"{samples_per_call} samples per call and {repeats} repeats are not possible; use at "
            "least 1 of each"
        )
    if not meter.can_measure:
        return InferenceEnergy(samples_per_call, reason=meter.reason)
    clock, pauses = meter.clock, random.Random(seed)
    call()
    with meter.window("idle", key=key) as idle:
        clock.sleep(idle_s)
    _repeat(call, meter, warm_up_s, 1)
    readings: list[tuple[int, WindowEnergy]] = []
    for _ in range(repeats):
        clock.sleep(pauses.uniform(0.0, LONGEST_PAUSE_S))
        with meter.window("inference", key=key) as window:
            calls = _repeat(call, meter, window_s, FEWEST_CALLS)
        readings.append((calls, meter.energy(window)))
    return _summary(samples_per_call, readings, meter.energy(idle).power_mean_w)


def _repeat(call: Callable[[], object], meter: Meter, seconds: float, at_least: int) -> int:
    start_ns, calls = meter.clock.now_ns(), 0
    while calls < at_least or meter.clock.now_ns() - start_ns < seconds * NS:
        call()
        calls += 1
    return calls


def _summary(
    samples_per_call: int, readings: list[tuple[int, WindowEnergy]], idle_w: float | None
) -> InferenceEnergy:
    measured = [one for one in readings if one[1].energy_j is not None]
    reasons = dict.fromkeys(energy.reason for _, energy in readings if energy.reason)
    if len(measured) < len(readings):
        reasons[f"{len(readings) - len(measured)} of {len(readings)} windows not measured"] = None
    worst = min((energy.quality for _, energy in readings), key=WORST_FIRST.index)
    reason = "; ".join(reasons) or None
    if not measured:
        return InferenceEnergy(samples_per_call, quality=worst, reason=reason)
    gross = [energy.energy_j / (calls * samples_per_call) for calls, energy in measured]
    net = None
    if idle_w is not None:
        net = [
            (energy.energy_j - idle_w * energy.duration_s) / (calls * samples_per_call)
            for calls, energy in measured
        ]
    n_calls = sum(calls for calls, _ in measured)
    duration_s = sum(energy.duration_s for _, energy in measured)
    return InferenceEnergy(
        samples_per_call,
        joules_per_sample_mean=statistics.fmean(gross),
        joules_per_sample_sd=statistics.stdev(gross) if len(gross) > 1 else None,
        net_joules_per_sample_mean=statistics.fmean(net) if net else None,
        net_joules_per_sample_sd=statistics.stdev(net) if net and len(net) > 1 else None,
        n_windows=len(measured),
        n_calls=n_calls,
        seconds_per_sample=duration_s / (n_calls * samples_per_call),
        power_mean_w=sum(energy.energy_j for _, energy in measured) / duration_s,
        idle_power_w=idle_w,
        device_kind=measured[0][1].device_kind,
        method="+".join(dict.fromkeys(energy.method for _, energy in measured)),
        quality=worst,
        reason=reason,
    )
