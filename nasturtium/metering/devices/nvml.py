"""GPUs through the NVIDIA Management Library.

The bindings are those of ``nvidia-ml-py``, whose import name is ``pynvml``.
"""

import logging
import os
import threading
from collections.abc import Callable

import pynvml

from nasturtium.metering.sources import SHARED, Device, Reading, Source, Unreadable
from nasturtium.metering.visible import resolve

logger = logging.getLogger(__name__)

# A driver older than the bindings answers some calls with NVMLLibraryMismatchError, which is not
# an NVMLError.
FAILURES = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError)
# These answers hold for the rest of the process, so the question is not repeated.
_LASTING = (
    pynvml.NVMLError_NotSupported,
    pynvml.NVMLError_NoPermission,
    pynvml.NVMLError_FunctionNotFound,
    pynvml.NVMLError_InvalidArgument,
    pynvml.NVMLLibraryMismatchError,
)
_LOST = (
    pynvml.NVMLError_GpuIsLost,
    pynvml.NVMLError_ResetRequired,
    pynvml.NVMLError_Uninitialized,
)
_MIG = "MIG is on: power and energy of a slice can't be measured"

GPU = "gpu"
COUNTER, INSTANT, AVERAGE = "energy counter", "instant power", "average power"
TEMPERATURE, CLOCK, PROCESSES = "temperature", "SM clock", "process count"


class NvmlGpu(Source):
    """One GPU.

    Parameters
    ----------
    handle
        NVML's device handle; NVML stays initialised until :meth:`close`.
    device
        Its identity.

    Raises
    ------
    pynvml.NVMLError
        NVML can't be initialised. Later calls do not raise for errors of the driver.

    Notes
    -----
    The energy counter (mJ, Volta and newer) and the instant power (mW, field 186) come from the
    board's own sensor: on A100 and H100 it observes 25 of every 100 ms, and a board's gain may be
    off by up to 5 % (arXiv 2312.02741). ``nvmlDeviceGetPowerUsage`` returns a mean over one second
    on Ampere (except GA100) and newer, and an instantaneous value on older boards.
    """

    counts_per_joule = 1000
    update_period_s = 0.1
    can_be_chosen = True

    def __init__(self, handle: object, device: Device) -> None:
        pynvml.nvmlInit()
        super().__init__(device)
        self._handle = handle
        self._lock = threading.Lock()
        self._given_up: dict[str, str] = {}
        self._lost: str | None = None
        # A board's name does not tell whether it has a counter or reports its power: virtual GPUs
        # and laptops differ. So this is asked once.
        self.read()
        self.counter_method = None if COUNTER in self._given_up else "nvml_counter"
        has_power = INSTANT not in self._given_up or AVERAGE not in self._given_up
        self.power_method = "nvml_power_trapz" if has_power else None

    def read(self) -> Reading:
        """Counter, powers, temperature and clock now; see :class:`Source`."""
        if self._lost is not None:
            return Reading(reason=self._lost)
        failed: dict[str, str] = {}
        handle = self._handle
        # The counter first, since its timing matters.
        energy_mj = self._ask(
            COUNTER, lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), failed
        )
        instant_mw = self._ask(INSTANT, self._instant_mw, failed)
        average_mw = self._ask(AVERAGE, lambda: pynvml.nvmlDeviceGetPowerUsage(handle), failed)
        temperature = self._ask(
            TEMPERATURE,
            lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
            failed,
        )
        clock = self._ask(
            CLOCK, lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM), failed
        )
        return Reading(
            power_instant_w=_thousandth(instant_mw),
            power_average_w=_thousandth(average_mw),
            energy_j=None if energy_mj is None else energy_mj / self.counts_per_joule,
            temperature_c=None if temperature is None else float(temperature),
            sm_clock_mhz=None if clock is None else float(clock),
            reason="; ".join(failed.values()) or None,
        )

    def processes(self) -> tuple[int | None, str | None]:
        """Processes with a compute context on the board.

        Only their number is used: in a container, NVML returns the host's process ids.
        """
        if self._lost is not None:
            return None, self._lost
        failed: dict[str, str] = {}
        running = self._ask(
            PROCESSES, lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(self._handle), failed
        )
        return (None, failed[PROCESSES]) if running is None else (len(running), None)

    def close(self) -> None:
        """Release this source's use of NVML."""
        try:
            pynvml.nvmlShutdown()
        except FAILURES as error:
            self.errors[f"shutdown: {error}"] += 1

    def _instant_mw(self) -> int:
        value = pynvml.nvmlDeviceGetFieldValues(self._handle, [pynvml.NVML_FI_DEV_POWER_INSTANT])[0]
        if value.nvmlReturn != pynvml.NVML_SUCCESS:
            raise pynvml.NVMLError(value.nvmlReturn)
        return value.value.uiVal

    def _ask(self, what: str, question: Callable, failed: dict[str, str]):
        if what in self._given_up:
            failed[what] = self._given_up[what]
            return None
        try:
            return question()
        except FAILURES as error:
            reason = f"{what}: {_sentence(error)}"
            with self._lock:
                self.errors[reason] += 1
            failed[what] = reason
            if isinstance(error, _LOST):
                self._lost = reason
            elif isinstance(error, _LASTING):
                self._given_up[what] = reason
            return None


def open_sources() -> tuple[list[Source], str | None]:
    """The GPUs that a CUDA program of this process would see; see :func:`open_gpus`."""
    return open_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("CUDA_DEVICE_ORDER"))


def open_gpus(mask: str | None = None, order: str | None = None) -> tuple[list[Source], str | None]:
    """The GPUs that a CUDA program of this process would see.

    Parameters
    ----------
    mask, order
        Values of ``CUDA_VISIBLE_DEVICES`` and ``CUDA_DEVICE_ORDER``.

    Returns
    -------
    tuple
        The sources, and why there is none or not all. A visible GPU that can't be metered (a MIG
        slice, no permission) is an :class:`Unreadable`.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return [], "no NVIDIA driver (NVML shared library not found)"
    except FAILURES as error:
        return [], f"no usable NVIDIA driver ({_sentence(error)})"
    try:
        return _open_gpus(mask, order)
    except FAILURES as error:
        return [], f"NVML can't list the GPUs ({_sentence(error)})"
    finally:
        # Each open source initialises NVML itself; NVML counts the initialisations.
        pynvml.nvmlShutdown()


def _open_gpus(mask: str | None, order: str | None) -> tuple[list[Source], str | None]:
    driver = f"NVIDIA {pynvml.nvmlSystemGetDriverVersion()}"
    handles = [_handle(index) for index in range(pynvml.nvmlDeviceGetCount())]
    if not handles:
        return [], "the NVIDIA driver reports no GPU"
    uuids = [
        None if isinstance(handle, str) else _tell(pynvml.nvmlDeviceGetUUID, handle)
        for handle in handles
    ]
    visible = resolve(mask, uuids)
    by_index = mask is not None and "GPU-" not in mask and len(handles) > 1
    note = None
    if by_index and order != "PCI_BUS_ID":
        note = "selected by index without CUDA_DEVICE_ORDER=PCI_BUS_ID, so it may be another board"
    sources: list[Source] = [
        _source(index, handles[index], uuids[index], driver, note) for index in visible.indices
    ]
    sources += [
        Unreadable(Device(GPU, entry, driver=driver), _MIG, can_be_chosen=True)
        for entry in visible.mig
    ]
    return sources, visible.reason


def _source(index: int, handle: object, uuid: str | None, driver: str, note: str | None) -> Source:
    if isinstance(handle, str):
        return Unreadable(Device(GPU, f"index {index}", driver=driver), handle)
    pci = _tell(pynvml.nvmlDeviceGetPciInfo, handle)
    device = Device(
        kind=GPU,
        id=uuid or f"index {index}",
        name=_tell(pynvml.nvmlDeviceGetName, handle),
        driver=driver,
        pci_id=None if pci is None else pci.busId,
        note=note,
        shared=os.environ.get(SHARED),
    )
    try:
        return Unreadable(device, _MIG) if _is_cut(handle) else NvmlGpu(handle, device)
    except FAILURES as error:
        return Unreadable(device, _sentence(error))


def _is_cut(handle: object) -> bool:
    """Whether MIG is on. A board or driver that does not support the question has no MIG."""
    try:
        return pynvml.nvmlDeviceGetMigMode(handle)[0] == pynvml.NVML_DEVICE_MIG_ENABLE
    except _LASTING:
        return False


def _handle(index: int) -> object:
    """The handle, or why there is none; devices without permission count too."""
    try:
        return pynvml.nvmlDeviceGetHandleByIndex(index)
    except FAILURES as error:
        return f"GPU {index}: {_sentence(error)}"


def _tell(question: Callable, handle: object):
    """A value that only describes the device, which is metered without it too."""
    try:
        return question(handle)
    except FAILURES as error:
        logger.warning(
            "NVML's %s failed (%s), so its column in energy.parquet stays empty.",
            question.__name__,
            error,
        )
        return None


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".")


def _thousandth(value: int | None) -> float | None:
    """NVML returns power in mW."""
    return None if value is None else value / 1000
