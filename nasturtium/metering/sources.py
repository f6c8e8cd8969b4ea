"""What a source of energy readings is."""

import math
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass

# Says why other jobs may compute on the device of this process; see jobs/gpu_slots.py.
SHARED = "NASTURTIUM_GPU_SHARED"


@dataclass(frozen=True)
class Device:
    """The identity of a metered device, written with every one of its rows."""

    kind: str
    """As its vendor says: ``gpu``, ``cpu_package``, ``cpu_dram``."""
    id: str
    """What tells it from others of its kind: a UUID, the name of a zone."""
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
    delay_s: float = 0.0
    """From the moment that it is taken for to the driver's answer."""


class Source(ABC):
    """One device that can be read.

    ``read`` and ``processes`` never raise for what a driver or the kernel answers: a failure is a
    None with its reason, counted in ``errors``, since a meter must not end the training it
    watches. Both are called from the sampler's thread and from the training's, also at once.

    Attributes
    ----------
    device
        Its identity.
    errors
        Failed readings by reason.
    """

    counter_method: str | None = None
    """Method of the rows from the energy counter; None where the device has none."""
    power_method: str | None = None
    """Method of the rows from integrated power; None where the device tells no power."""
    counts_per_joule: float = 1.0
    """Unit of the energy counter."""
    update_period_s: float = 0.0
    """How often the device renews its figures: a counter is late by up to this at each border."""
    longest_unread_s: float = math.inf
    """A counter that was not read for longer may have wrapped more than once."""
    can_be_chosen: bool = False
    """Whether a process can be confined to it, by its identity in the vendor's mask."""

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
        """Release what the source holds."""


class Unreadable(Source):
    """A device that computes but can't be metered: its windows are null, with the reason.

    It stands for a slice of a board or a board without permission, so that the energy of a CPU is
    not taken for that of work which ran on such a device.
    """

    def __init__(self, device: Device, reason: str, *, can_be_chosen: bool = False) -> None:
        super().__init__(device)
        self.reason = reason
        self.can_be_chosen = can_be_chosen

    def read(self) -> Reading:
        """A reading of nothing, with the reason."""
        return Reading(reason=self.reason)

    def processes(self) -> tuple[int | None, str | None]:
        """Unknown, with the reason."""
        return None, self.reason


def is_readable(source: Source) -> bool:
    """Whether the source has any method to measure energy with."""
    return source.counter_method is not None or source.power_method is not None
