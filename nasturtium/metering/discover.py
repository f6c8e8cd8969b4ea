"""Which sources exist on this machine, and why the others don't."""

import os
from dataclasses import dataclass

from nasturtium.metering.devices import rapl
from nasturtium.metering.sources import Source


@dataclass(frozen=True)
class Discovery:
    """The sources found, and the reasons for those that were not."""

    sources: list[Source]
    reason: str | None


def discover(powercap: str | os.PathLike = rapl.ROOT) -> Discovery:
    """Open every GPU that CUDA would show to this process, and every CPU package.

    Parameters
    ----------
    powercap
        Root of the kernel's RAPL files.
    """
    from nasturtium.metering.devices import nvml  # loads pynvml, which only a session needs

    gpus, no_gpu = nvml.open_gpus(*nvml.environment_mask())
    packages, no_package = rapl.open_packages(powercap)
    reasons = [reason for reason in (no_gpu, no_package) if reason]
    return Discovery([*gpus, *packages], "; ".join(reasons) or None)
