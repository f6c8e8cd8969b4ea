"""What a source of energy readings is."""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

GPU = "gpu"
CPU_PACKAGE = "cpu_package"


@dataclass(frozen=True)
class Device:
    """The identity of a metered device, written with every one of its rows."""

    kind: str
    """``gpu`` or ``cpu_package``."""
    id: str
    """UUID of a GPU, name of a RAPL zone."""
    name: str | None = None
    driver: str | None = None
    pci_id: str | None = None
    note: str | None = None
    """What a reader of its rows must know, e.g. that its index may be ambiguous."""
    shared: str | None = None
    """Why other jobs may compute on it at any time; None where this job has it alone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a device told at one moment; what it did not tell is None, and ``reason`` says why."""

    power_instant_w: float | None = None
    power_average_w: float | None = None
    energy_j: float | None = None
    """Counter since an arbitrary origin: only differences within one process mean something."""
    temperature_c: float | None = None
    sm_clock_mhz: float | None = None
    reason: str | None = None


class Source(Protocol):
    """One device that can be read.

    ``read`` and ``processes`` never raise for what a driver or the kernel answers: a failure is a
    None with its reason, counted in ``errors``, since a meter must not end the training it
    watches. Both are called from the sampler's thread and from the training's, also at once.
    """

    device: Device
    counter_method: str | None
    """Method of the rows from the energy counter; None where the device has none."""
    power_method: str | None
    """Method of the rows from integrated power; None where the device tells no power."""
    update_period_s: float
    """How often the device renews its figures: a counter is late by up to this at each border."""
    errors: Counter[str]
    """Failed readings by reason."""

    def read(self) -> Reading:
        """The device's figures now."""

    def processes(self) -> tuple[int | None, str | None]:
        """Number of processes that compute on the device, or None and why it is unknown."""

    def close(self) -> None:
        """Release what the source holds."""


class Unreadable:
    """A device that computes but can't be metered: its windows are null, with the reason.

    It stands for a MIG slice or a board without permission, so that the energy of a CPU is not
    taken for that of work which ran on such a device.
    """

    counter_method = None
    power_method = None
    update_period_s = 0.0

    def __init__(self, device: Device, reason: str) -> None:
        self.device = device
        self.reason = reason
        self.errors: Counter[str] = Counter()

    def read(self) -> Reading:
        """A reading of nothing, with the reason."""
        return Reading(reason=self.reason)

    def processes(self) -> tuple[int | None, str | None]:
        """Unknown, with the reason."""
        return None, self.reason

    def close(self) -> None:
        """Nothing to release."""


def is_readable(source: Source) -> bool:
    """Whether the source has any method to measure energy with."""
    return source.counter_method is not None or source.power_method is not None
