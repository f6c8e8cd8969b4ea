"""Energy from sampled power: plain arithmetic on arrays."""

import numpy as np

NS = 1_000_000_000


def trapezoid_j(
    t_ns: np.ndarray,
    power_w: np.ndarray,
    t0_ns: int,
    t1_ns: int,
    *,
    begin_w: float | None = None,
    end_w: float | None = None,
) -> float:
    """Integral of piecewise linear power between the two ends of a window.

    Without values at the ends, a window between two samples would have no energy, and every other
    one would lack its first and last part. So the power at an end is the reading taken there, or is
    interpolated between its neighbours, or is that of the nearest sample.

    Parameters
    ----------
    t_ns, power_w
        Samples, shape (n,), times strictly increasing; samples outside the window only serve to
        interpolate the power at an end.
    t0_ns, t1_ns
        The ends of the window, t0_ns <= t1_ns.
    begin_w, end_w
        Power read at the ends, if any.

    Returns
    -------
    float
        Joules. Exact if power is linear between samples.

    Raises
    ------
    ValueError
        No sample and no power at an end, or ends in the wrong order.
    """
    if t1_ns < t0_ns:
        raise ValueError(f"the window ends {t0_ns - t1_ns} ns before it begins")
    # Differences of integers first: after a year of uptime, float64 has a resolution of about 128
    # ns for a monotonic clock in ns, and the clock's offset must not change the result.
    seconds = (np.asarray(t_ns, dtype=np.int64) - np.int64(t0_ns)) / NS
    power = np.asarray(power_w, dtype=np.float64)
    duration = (t1_ns - t0_ns) / NS
    if power.size == 0:
        begin_w = end_w if begin_w is None else begin_w
        end_w = begin_w if end_w is None else end_w
        if begin_w is None:
            raise ValueError("the window has no sample, and no power at its borders")
    if begin_w is None:
        begin_w = float(np.interp(0.0, seconds, power))
    if end_w is None:
        end_w = float(np.interp(duration, seconds, power))
    inside = (seconds > 0.0) & (seconds < duration)
    at = np.concatenate(([0.0], seconds[inside], [duration]))
    value = np.concatenate(([begin_w], power[inside], [end_w]))
    return float(np.sum(np.diff(at) * (value[1:] + value[:-1]) / 2))


def decimate(t_ns: np.ndarray, period_s: float, *, origin_ns: int | None = None) -> np.ndarray:
    """Indices of the samples that a slower sampler would have taken.

    Time is divided into periods from an origin on; the first sample of each period is kept.

    Parameters
    ----------
    t_ns
        Times of samples, shape (n,), increasing.
    period_s
        The slower sampler's period.
    origin_ns
        Where the periods start; the first sample if None.
    """
    times = np.asarray(t_ns, dtype=np.int64)
    if times.size == 0:
        return np.empty(0, dtype=np.int64)
    origin = times[0] if origin_ns is None else np.int64(origin_ns)
    period = (times - origin) // round(period_s * NS)
    return np.flatnonzero(np.concatenate(([True], np.diff(period) > 0)))


def longest_gap_s(t_ns: np.ndarray, t0_ns: int, t1_ns: int) -> float:
    """Longest time between neighbouring samples or ends of the window, in seconds."""
    times = np.asarray(t_ns, dtype=np.int64)
    inside = times[(times > t0_ns) & (times < t1_ns)]
    return float(np.max(np.diff(np.concatenate(([t0_ns], inside, [t1_ns]))))) / NS


def went_backwards(counter_j: np.ndarray) -> bool:
    """Whether a counter that can only grow decreased; missing values (NaN) are ignored."""
    counter = np.asarray(counter_j, dtype=np.float64)
    counter = counter[~np.isnan(counter)]
    return bool(np.any(np.diff(counter) < 0))
