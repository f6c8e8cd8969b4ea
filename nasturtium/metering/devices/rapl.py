"""CPU packages through RAPL, as Linux shows it under ``/sys/class/powercap``."""

import contextlib
import os
import re
import threading
from pathlib import Path

from nasturtium.metering.sources import SHARED_CPU, Device, Reading, Source, Unreadable

ROOT = Path("/sys/class/powercap")
# Of the second-level zones, core and uncore are included in the package's figure. dram is separate
# on most processors and part of the package on some, so it is reported separately and not added.
# intel-rapl-mmio shows the same packages again.
_ZONE = re.compile(r"intel-rapl:\d+")
_PART = re.compile(r"intel-rapl:\d+:\d+")
CPU_PACKAGE, CPU_DRAM = "cpu_package", "cpu_dram"
_ONLY_ENERGY = "RAPL has an energy counter only"


class RaplPackage(Source):
    """One CPU package.

    Parameters
    ----------
    zone
        Its folder, with ``name``, ``energy_uj`` and ``max_energy_range_uj``.

    Raises
    ------
    OSError
        A file is missing or can't be read; since Linux 5.10 only root can read ``energy_uj``. Later
        calls do not raise for errors of the kernel.
    ValueError
        A file does not contain a number.

    Notes
    -----
    The counter is updated about every millisecond and overflows at ``max_energy_range_uj``, after
    minutes to an hour. Overflows are counted here, which is correct as long as there is a reading
    between any two of them; the sampler ensures that.
    """

    kind = CPU_PACKAGE
    counter_method = "rapl_package"
    counts_per_joule = 1e6
    update_period_s = 0.001
    longest_unread_s = 60.0

    def __init__(self, zone: str | os.PathLike) -> None:
        self._zone = Path(zone)
        self._range_uj = read_number(self._zone / "max_energy_range_uj")
        self._last_uj = read_number(self._zone / "energy_uj")
        self._total_uj = self._last_uj
        self._lock = threading.Lock()
        name = _name(self._zone)
        device = Device(
            kind=self.kind,
            id=self._zone.name,
            name=name,
            driver="Linux powercap",
            shared=os.environ.get(SHARED_CPU),
        )
        super().__init__(device)

    def read(self) -> Reading:
        """The counter now, corrected for overflows; see :class:`Source`.

        After a step back that is not an overflow (the machine slept, the driver was reloaded) it
        starts again from the new value. The step stays visible and spoils the windows that contain
        it.
        """
        with self._lock:
            try:
                now_uj = read_number(self._zone / "energy_uj")
            except (OSError, ValueError) as error:
                reason = f"energy_uj of {self._zone.name}: {_sentence(error)}"
                self.errors[reason] += 1
                return Reading(reason=reason)
            step = now_uj - self._last_uj
            if step < 0:
                step += self._range_uj
                # Readings are a tenth of a second apart, so a true overflow is a small step.
                if not 0 <= step < self._range_uj / 2:
                    self.errors[f"counter of {self._zone.name} went backwards"] += 1
                    self._total_uj, step = now_uj, 0
            self._last_uj = now_uj
            self._total_uj += step
            return Reading(energy_j=self._total_uj / self.counts_per_joule, reason=_ONLY_ENERGY)


class RaplDram(RaplPackage):
    """The memory of one CPU package; like :class:`RaplPackage`."""

    kind = CPU_DRAM
    counter_method = "rapl_dram"


def open_sources() -> tuple[list[Source], str | None]:
    """The CPU packages of this machine and their memories; see :func:`open_packages`."""
    return open_packages(ROOT)


def open_packages(root: str | os.PathLike = ROOT) -> tuple[list[Source], str | None]:
    """The CPU packages of this machine, then the memories that have their own counter.

    Parameters
    ----------
    root
        The powercap folder.

    Returns
    -------
    tuple
        The sources, and why there is none. If some can be read and others not, the others are
        :class:`Unreadable`, so that a part is not taken for the whole.
    """
    root = Path(root)
    if not root.is_dir():
        return [], f"no {root}"
    sources: list[Source] = []
    reasons: list[str] = []
    for zone in sorted(root.iterdir()):
        if not _ZONE.fullmatch(zone.name) or not _is_package(zone):
            continue
        try:
            sources.append(RaplPackage(zone))
        except (OSError, ValueError) as error:
            reasons.append(f"{zone / 'energy_uj'}: {_sentence(error)}")
            sources.append(Unreadable(Device(CPU_PACKAGE, zone.name), reasons[-1]))
    if not sources:
        return [], f"no CPU package under {root}"
    if len(reasons) == len(sources):
        return [], "; ".join(reasons)
    return sources + _memories(root), "; ".join(reasons) or None


def _memories(root: Path) -> list[Source]:
    """The memories that can be read; they are additional, so none has to be there."""
    sources: list[Source] = []
    for package in sorted(root.iterdir()):
        zones = [package, *package.iterdir()] if _ZONE.fullmatch(package.name) else [package]
        for zone in zones:
            with contextlib.suppress(OSError, ValueError):
                if _PART.fullmatch(zone.name) and _name(zone) == "dram":
                    sources.append(RaplDram(zone))
    # sysfs shows a zone both inside its package and, as a link, beside it.
    return list({source.device.id: source for source in sources}.values())


def read_number(path: Path) -> int:
    """The integer in a file of sysfs."""
    return int(path.read_text())


def _name(zone: Path) -> str:
    return (zone / "name").read_text().strip()


def _is_package(zone: Path) -> bool:
    """Whether it is a package, not ``psys``, which contains the packages."""
    try:
        return _name(zone).startswith("package")
    except OSError:
        return False


def _sentence(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "permission denied (readable by root only since Linux 5.10)"
    return getattr(error, "strerror", None) or str(error)
