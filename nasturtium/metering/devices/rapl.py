"""CPU packages through RAPL, as Linux shows it under ``/sys/class/powercap``."""

import os
import re
import threading
from pathlib import Path

from nasturtium.metering.sources import Device, Reading, Source, Unreadable

ROOT = Path("/sys/class/powercap")
# Zones of the second level (core, uncore, dram) lie inside the package's figure, and
# intel-rapl-mmio shows the same packages once more: to add them would count joules twice.
_ZONE = re.compile(r"intel-rapl:\d+")
CPU_PACKAGE = "cpu_package"
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
        A file is missing or may not be read; ``energy_uj`` is root's since Linux 5.10. No later
        call raises for what the kernel answers.
    ValueError
        A file does not hold a number.

    Notes
    -----
    The counter is renewed every millisecond or so and wraps at ``max_energy_range_uj``, after
    minutes to an hour. Wraps are counted here, which holds as long as a reading is taken between
    any two of them; the sampler does.
    """

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
        name = (self._zone / "name").read_text().strip()
        super().__init__(Device(CPU_PACKAGE, self._zone.name, name=name, driver="Linux powercap"))

    def read(self) -> Reading:
        """The counter now, wraps undone; see :class:`Source`.

        After a step back that is no wrap (the machine slept, the driver was reloaded) it starts
        again from the new value: the step stays visible and spoils the windows that hold it.
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
                # Readings lie a tenth of a second apart, so a true wrap is a small step.
                if not 0 <= step < self._range_uj / 2:
                    self.errors[f"counter of {self._zone.name} went backwards"] += 1
                    self._total_uj, step = now_uj, 0
            self._last_uj = now_uj
            self._total_uj += step
            return Reading(energy_j=self._total_uj / self.counts_per_joule, reason=_ONLY_ENERGY)


def open_sources() -> tuple[list[Source], str | None]:
    """The CPU packages of this machine; see :func:`open_packages`."""
    return open_packages(ROOT)


def open_packages(root: str | os.PathLike = ROOT) -> tuple[list[Source], str | None]:
    """The CPU packages of this machine.

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
    return sources, "; ".join(reasons) or None


def read_number(path: Path) -> int:
    """The whole number that a file of sysfs holds."""
    return int(path.read_text())


def _is_package(zone: Path) -> bool:
    """Whether it is a package, not ``psys``, which contains the packages."""
    try:
        return (zone / "name").read_text().startswith("package")
    except OSError:
        return False


def _sentence(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "permission denied (readable by root only since Linux 5.10)"
    return getattr(error, "strerror", None) or str(error)
