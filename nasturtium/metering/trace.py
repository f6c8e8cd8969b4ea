"""The samples of one device, in growing arrays."""

import numpy as np

from nasturtium.metering.sources import Reading

FIELDS = ("power_instant_w", "power_average_w", "energy_j", "temperature_c", "sm_clock_mhz")


class Trace:
    """Append-only samples; a day at 10 Hz is about 50 MB.

    One thread appends, others take slices without a lock: the length is increased last, and growing
    copies into new arrays, so an existing slice never changes.
    """

    def __init__(self) -> None:
        self._length = 0
        self._t_ns = np.empty(1024, dtype=np.int64)
        self._values = np.empty((1024, len(FIELDS)), dtype=np.float64)
        self._reasons: list[str | None] = []

    def append(self, t_ns: int, reading: Reading) -> None:
        """Add a sample; None becomes NaN, only in memory."""
        if self._length == len(self._t_ns):
            self._t_ns = np.concatenate((self._t_ns, np.empty_like(self._t_ns)))
            self._values = np.concatenate((self._values, np.empty_like(self._values)))
        values = [getattr(reading, name) for name in FIELDS]
        self._t_ns[self._length] = t_ns
        self._values[self._length] = [np.nan if value is None else value for value in values]
        self._reasons.append(reading.reason)
        self._length += 1

    def __len__(self) -> int:
        return self._length

    @property
    def first_ns(self) -> int | None:
        """Time of the first sample."""
        return int(self._t_ns[0]) if self._length else None

    def between(self, t0_ns: int, t1_ns: int) -> "Samples":
        """The samples with t0_ns <= t <= t1_ns."""
        length = self._length
        times, values = self._t_ns[:length], self._values[:length]
        low, high = np.searchsorted(times, t0_ns), np.searchsorted(times, t1_ns, side="right")
        return Samples(times[low:high], values[low:high])

    def rows(self):
        """Each sample as a dictionary with the columns of ``power.parquet``."""
        names = [{"energy_j": "energy_counter_j"}.get(name, name) for name in FIELDS]
        for number in range(self._length):
            values = self._values[number].tolist()
            row = {
                name: None if value != value else value  # NaN alone differs from itself
                for name, value in zip(names, values, strict=True)
            }
            yield {"t_ns": int(self._t_ns[number]), **row, "reason": self._reasons[number]}


class Samples:
    """A piece of a trace: ``t_ns`` of shape (n,), and each field as a column of shape (n,)."""

    def __init__(self, t_ns: np.ndarray, values: np.ndarray) -> None:
        self.t_ns = t_ns
        self._values = values

    def field(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Times and values of a field, without missing ones."""
        values = self._values[:, FIELDS.index(name)]
        known = ~np.isnan(values)
        return self.t_ns[known], values[known]
