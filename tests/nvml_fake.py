"""A fake of the C library under ``pynvml``: the real bindings read a known power.

It answers in the library's own units (mW, mJ) through the pointers that the bindings hand it.
"""

import ctypes
from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass, field

import pynvml

from nasturtium.metering import current
from nasturtium.metering.clock import Clock

NS = 1_000_000_000


class Power:
    """Piecewise linear power with its exact integral; times in s, two equal times make a step."""

    def __init__(self, *points):
        self.times = [float(t) for t, _ in points]
        self.watts = [float(w) for _, w in points]
        self._joules = [0.0]
        for n in range(1, len(points)):
            mean = (self.watts[n] + self.watts[n - 1]) / 2
            step = self.times[n] - self.times[n - 1]
            self._joules.append(self._joules[-1] + mean * step)

    def at(self, t):
        n = bisect_right(self.times, t)
        if n == 0:
            return self.watts[0]
        if n == len(self.times):
            return self.watts[-1]
        share = (t - self.times[n - 1]) / (self.times[n] - self.times[n - 1])
        return self.watts[n - 1] + share * (self.watts[n] - self.watts[n - 1])

    def joules_until(self, t):
        n = bisect_right(self.times, t)
        if n == 0:
            return self.watts[0] * (t - self.times[0])
        last = self.times[n - 1]
        return self._joules[n - 1] + (self.at(t - 1e-12) + self.watts[n - 1]) / 2 * (t - last)

    def joules(self, t0, t1):
        return self.joules_until(t1) - self.joules_until(t0)


def constant(watts, until=1000.0):
    return Power((0, watts), (until, watts))


def ramp(first, last, until):
    return Power((0, first), (until, last))


def step(low, high, at, until=1000.0):
    return Power((0, low), (at, low), (at, high), (until, high))


def square_wave(low, high, period, until):
    points, t = [], 0.0
    while t < until:
        half = t + period / 2
        points += [(t, low), (half, low), (half, high), (t + period, high)]
        t += period
    return Power(*points)


@dataclass
class Board:
    """One GPU: its power, and how its sensor looks at it."""

    power: Power = field(default_factory=lambda: constant(100.0))
    uuid: str = "GPU-11111111-aaaa"
    name: str = "Fake board"
    update_s: float = 0.0
    """0: figures are always fresh."""
    phase_s: float = 0.0
    """When the sensor renews its figures, relative to the clock."""
    instant_window_s: float = 0.0
    average_window_s: float = 0.0
    counter_origin_j: float = 12345.0
    processes: int = 1
    mig: bool = False
    failing: dict = field(default_factory=dict)
    """Error code by the name of the C function, or ``field 186``."""

    def _seen(self, t):
        if self.update_s == 0:
            return t
        return self.phase_s + int((t - self.phase_s) / self.update_s + 1e-9) * self.update_s

    def _mean(self, t, window):
        return self.power.at(t) if window == 0 else self.power.joules(t - window, t) / window

    def instant_mw(self, t):
        return round(1000 * self._mean(self._seen(t), self.instant_window_s))

    def average_mw(self, t):
        return round(1000 * self._mean(self._seen(t), self.average_window_s))

    def temperature_c(self, t):
        return 45

    def clock_mhz(self, t):
        return 1700

    def counter_mj(self, t):
        return round(1000 * (self.counter_origin_j + self.power.joules_until(self._seen(t))))


class FakeNvml:
    """The C functions that the meter calls; a missing one is a driver without it."""

    def __init__(self, clock, boards):
        self.clock, self.boards = clock, boards
        self.failing = {}
        self.references = 0
        self.calls = 0

    def _board(self, handle):
        return self.boards[ctypes.cast(handle, ctypes.c_void_p).value - 1]

    def _answer(self, name, handle, argument, figure):
        self.calls += 1
        board = self._board(handle)
        if name in board.failing:
            return board.failing[name]
        argument._obj.value = getattr(board, figure)(self.clock.now_ns() / NS)
        return pynvml.NVML_SUCCESS

    def nvmlInitWithFlags(self, flags):
        self.references += 1
        return self.failing.get("init", pynvml.NVML_SUCCESS)

    def nvmlShutdown(self):
        self.references -= 1
        return pynvml.NVML_SUCCESS

    def nvmlSystemGetDriverVersion(self, buffer, length):
        buffer.value = b"580.00"
        return pynvml.NVML_SUCCESS

    def nvmlDeviceGetCount_v2(self, count):
        count._obj.value = len(self.boards)
        return pynvml.NVML_SUCCESS

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):
        code = self.boards[index.value].failing.get("nvmlDeviceGetHandleByIndex_v2")
        if code is not None:
            return code
        ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[0] = index.value + 1
        return pynvml.NVML_SUCCESS

    def nvmlDeviceGetUUID(self, handle, buffer, length):
        buffer.value = self._board(handle).uuid.encode()
        return pynvml.NVML_SUCCESS

    def nvmlDeviceGetName(self, handle, buffer, length):
        buffer.value = self._board(handle).name.encode()
        return pynvml.NVML_SUCCESS

    def nvmlDeviceGetPciInfo_v3(self, handle, info):
        info._obj.busId = b"00000000:01:00.0"
        return pynvml.NVML_SUCCESS

    def nvmlDeviceGetMigMode(self, handle, now, pending):
        if not self._board(handle).mig:
            return pynvml.NVML_ERROR_NOT_SUPPORTED
        now._obj.value = pending._obj.value = pynvml.NVML_DEVICE_MIG_ENABLE
        return pynvml.NVML_SUCCESS

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, out):
        return self._answer("nvmlDeviceGetTotalEnergyConsumption", handle, out, "counter_mj")

    def nvmlDeviceGetPowerUsage(self, handle, out):
        return self._answer("nvmlDeviceGetPowerUsage", handle, out, "average_mw")

    def nvmlDeviceGetTemperature(self, handle, sensor, out):
        return self._answer("nvmlDeviceGetTemperature", handle, out, "temperature_c")

    def nvmlDeviceGetClockInfo(self, handle, kind, out):
        return self._answer("nvmlDeviceGetClockInfo", handle, out, "clock_mhz")

    def nvmlDeviceGetFieldValues(self, handle, count, values):
        self.calls += 1
        board = self._board(handle)
        if "nvmlDeviceGetFieldValues" in board.failing:
            return board.failing["nvmlDeviceGetFieldValues"]
        for value in values._obj[: count.value]:
            code = board.failing.get(f"field {value.fieldId}", pynvml.NVML_SUCCESS)
            if value.fieldId != 186:
                code = pynvml.NVML_ERROR_INVALID_ARGUMENT
            value.nvmlReturn = code
            value.value.uiVal = board.instant_mw(self.clock.now_ns() / NS)
        return pynvml.NVML_SUCCESS

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle, count, array):
        board = self._board(handle)
        code = board.failing.get("nvmlDeviceGetComputeRunningProcesses_v3")
        if code is not None:
            return code
        count._obj.value = board.processes
        if array is None and board.processes:
            return pynvml.NVML_ERROR_INSUFFICIENT_SIZE
        for number in range(board.processes):
            array[number].pid = 1000 + number
        return pynvml.NVML_SUCCESS


class VirtualClock(Clock):
    """Time that passes only in ``sleep``, and samples as the thread would."""

    def __init__(self, start_s=50.0, period_s=0.1):
        super().__init__()
        self._now_ns = round(start_s * NS)
        self._anchor_ns = self._now_ns
        self.period_ns = round(period_s * NS)
        self.is_sampling = True

    def now_ns(self):
        return self._now_ns

    def sleep(self, seconds):
        end_ns = self._now_ns + round(seconds * NS)
        next_ns = (self._now_ns // self.period_ns + 1) * self.period_ns
        while next_ns <= end_ns:
            self._now_ns = next_ns
            if self.is_sampling and current() is not None:
                current().sampler.sample()
            next_ns += self.period_ns
        self._now_ns = end_ns


@contextmanager
def installed(library):
    """Put ``library`` under the bindings; None for a machine without a driver."""
    before = pynvml.nvmlLib
    pynvml._nvmlGetFunctionPointer_cache.clear()
    pynvml.nvmlLib = library
    try:
        yield library
    finally:
        pynvml._nvmlGetFunctionPointer_cache.clear()
        pynvml.nvmlLib = before
