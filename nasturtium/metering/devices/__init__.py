"""Devices whose energy can be read, one file per vendor.

A new vendor is a module here with a ``Source`` and ``open_sources``, and a line in ``VENDORS``.
"""

from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module

from nasturtium.metering.sources import Source


@dataclass(frozen=True)
class Vendor:
    """A way to read devices.

    Attributes
    ----------
    module
        Dotted name of its module, which is loaded when a session begins.
    kind
        ``device_kind`` of its rows.
    mask
        Environment variable that restricts a process to some devices by their ``id``; None if there
        is none, so that jobs can't get one each.
    has_local_ids
        Whether devices of another machine have the same names.
    beside
        Kinds of further devices, whose rows are never part of a window's energy.
    """

    module: str
    kind: str
    mask: str | None = None
    has_local_ids: bool = False
    beside: tuple[str, ...] = ()

    def open_sources(self) -> tuple[list[Source], str | None]:
        """The devices that this process may use, and why there is none or not all."""
        return import_module(self.module).open_sources()


# In order of priority: a window's energy is that of the first kind of device that a job has.
VENDORS = (
    Vendor("nasturtium.metering.devices.nvml", "gpu", mask="CUDA_VISIBLE_DEVICES"),
    Vendor(
        "nasturtium.metering.devices.rapl", "cpu_package", has_local_ids=True, beside=("cpu_dram",)
    ),
)


def counted_kind(kinds: Collection[str]) -> str | None:
    """The kind whose devices make up a window's energy; None if none is in ``kinds``."""
    return next((vendor.kind for vendor in VENDORS if vendor.kind in kinds), None)


def local_kinds() -> set[str]:
    """Kinds whose devices have the same names on every machine."""
    local = [vendor for vendor in VENDORS if vendor.has_local_ids]
    return {kind for vendor in local for kind in (vendor.kind, *vendor.beside)}
