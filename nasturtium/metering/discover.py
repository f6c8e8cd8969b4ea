"""Finds the sources of this machine, and why others are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from nasturtium.metering.devices import VENDORS, Vendor
from nasturtium.metering.sources import Source


@dataclass(frozen=True)
class Discovery:
    """The sources found, and the reasons for those that were not."""

    sources: list[Source]
    reason: str | None


def discover(vendors: Sequence[Vendor] = VENDORS) -> Discovery:
    """Open every device that this process may use."""
    found = [vendor.open_sources() for vendor in vendors]
    return Discovery(
        sources=[source for sources, _ in found for source in sources],
        reason="; ".join(reason for _, reason in found if reason) or None,
    )
