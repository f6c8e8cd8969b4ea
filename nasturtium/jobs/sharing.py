"""Which jobs share the processor of one machine, and how many threads each of them gets.

Trainings and searches run one at a time where there is a GPU, and where the joules of the processor
can be read, which are of all that runs on it. Elsewhere they share the cores of ``--cores``, and
whatever measures runs alone.
"""

import logging
import os
from collections.abc import MutableMapping
from pathlib import Path

logger = logging.getLogger(__name__)

# The number of cores that jobs share. Scripts inherit it: a rule's parameter would cause reruns.
CORES = "NASTURTIUM_SHARED_CORES"

# Drivers of NVIDIA, of Windows' GPUs in WSL, and of AMD.
_GPUS = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
_RAPL = Path("/sys/class/powercap")
_GPU_MASK = "CUDA_VISIBLE_DEVICES"
# What Snakemake sets to the threads of a job.
_LIBRARIES = (
    *("OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
)


def has_gpu() -> bool:
    """Whether this machine has the driver of a GPU."""
    return any(os.path.exists(path) for path in _GPUS)


def shared_cores(cores: int | None, gpus: int | None) -> int:
    """How many cores trainings and searches share on this machine; 0 if they run one at a time.

    Parameters
    ----------
    cores
        Snakemake's ``--cores``; None if it is not known.
    gpus
        The limit of ``--resources gpu=``; None without one. 0 hides all GPUs.
    """
    if cores is None or cores < 2:
        return 0
    is_hidden = gpus == 0 or os.environ.get(_GPU_MASK, "0").strip() in ("", "-1")
    if has_gpu() and not is_hidden:
        return 0
    # Any other limit asks for several jobs at once, and their joules are marked as shared.
    return 0 if gpus == 1 and _joules_can_be_read() else cores


def announce(cores: int) -> None:
    """Tell the jobs of this process how many cores they share."""
    if cores:
        os.environ[CORES] = str(cores)
    else:
        os.environ.pop(CORES, None)


def training_threads(wanted: int, cores: int) -> int:
    """Threads of a training: at most half of the shared cores, so that two run at the same time."""
    return min(wanted, max(1, cores // 2)) if cores else wanted


def measuring_threads(cores: int) -> int:
    """Threads for which a measuring job asks Snakemake: all shared cores, so that it runs alone."""
    return cores or 1


def compute_with(threads: int, environment: MutableMapping[str, str] = os.environ) -> None:
    """Let linear algebra libraries that are loaded later use fewer threads than the job has."""
    environment.update(dict.fromkeys(_LIBRARIES, str(threads)))


def note_others(threads: int) -> None:
    """Mark the joules of a job with these threads as ``shared`` if other jobs may run beside it."""
    # Loads much, which the other functions must not.
    from nasturtium.metering.sources import SHARED_CPU

    cores = int(os.environ.get(CORES, "0"))
    if threads < cores:
        os.environ[SHARED_CPU] = f"with --cores {cores}, other jobs may run at the same time"
        logger.info("Other jobs may run at the same time: %d of %d cores.", threads, cores)


def _joules_can_be_read() -> bool:
    return any(os.access(counter, os.R_OK) for counter in _RAPL.glob("intel-rapl:*/energy_uj"))
