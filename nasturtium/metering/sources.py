"""The interface of a source of energy readings."""

import math
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass

# Environment variables. Each explains that other jobs may use this process's GPU, or its processor;
# see jobs/gpu_slots.py and jobs/sharing.py.
SHARED = "NASTURTIUM_GPU_SHARED"
SHARED_CPU = "NASTURTIUM_CPU_SHARED"


@dataclass(frozen=True)
class Device:
    """The identity of a metered device, written with every one of its rows."""

    kind: str
    """As defined by its vendor: ``gpu``, ``cpu_package``, ``cpu_dram``."""
    id: str
    """Identifies it among others of its kind: a UUID, or the name of a zone."""
    name: str | None = None
    driver: str | None = None
    pci_id: str | None = None
    note: str | None = None
    """A remark for readers of its rows, e.g. that its index may be ambiguous."""
    shared: str | None = None
    """Why other jobs may compute on it at any time; None if this job has it alone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A device's values at one moment; missing ones are None, and ``reason`` says why."""

    power_instant_w: float | None = None
    power_average_w: float | None = None
    energy_j: float | None = None
    """Counter with an arbitrary origin: only differences within one process are meaningful."""
    temperature_c: float | None = None
    sm_clock_mhz: float | None = None
    reason: str | None = None
    delay_s: float = 0.0
    """Time from the moment of the reading to the driver's answer."""


class Source(ABC):
    """One device that can be read.

    ``read`` and ``processes`` never raise for errors of a driver or the kernel: a failure is a None
    with its reason, counted in ``errors``, since a meter must not end the training. Both are called
    from the sampler's thread and from the training's, possibly at the same time.

    Attributes
    ----------
    device
        Its identity.
    errors
        Failed readings by reason.
    """

    counter_method: str | None = None
    """Method of the rows from the energy counter; None if the device has none."""
    power_method: str | None = None
    """Method of the rows from integrated power; None if the device reports no power."""
    counts_per_joule: float = 1.0
    """Unit of the energy counter."""
    update_period_s: float = 0.0
    """Update period of the device: a counter may be late by this at each end of a window."""
    longest_unread_s: float = math.inf
    """A counter that was not read for longer may have overflowed more than once."""
    can_be_chosen: bool = False
    """Whether a process can be restricted to it, by its id in the vendor's mask."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.errors: Counter[str] = Counter()

    @abstractmethod
    def read(self) -> Reading:
        """The device's figures now."""

    def processes(self) -> tuple[int | None, str | None]:
        """Number of processes that compute on the device, or None and why it is unknown."""
        return None, None

    def close(self) -> None:  # noqa: B027  (most sources hold nothing)
        """Release the source's resources."""


class Unreadable(Source):
    """A device that computes but can't be metered: its windows are null, with the reason.

    It represents a slice of a board, or a board without permission, so that a CPU's energy is not
    taken for that of work on such a device.
    """

    def __init__(self, device: Device, reason: str, *, can_be_chosen: bool = False) -> None:
        super().__init__(device)
        self.reason = reason
        self.can_be_chosen = can_be_chosen

    def read(self) -> Reading:
        """An empty reading, with the reason."""
        return Reading(reason=self.reason)

    def processes(self) -> tuple[int | None, str | None]:
        """Unknown, with the reason."""
        return None, self.reason


def is_readable(source: Source) -> bool:
    """Whether the source has any method to measure energy with."""
    return source.counter_method is not None or source.power_method is not None
