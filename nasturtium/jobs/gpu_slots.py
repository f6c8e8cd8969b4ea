"""Which GPU a job computes on: jobs that run at once on one host get different ones.

Snakemake only counts GPUs. So a job takes a slot: a file that it keeps locked while it lives. The
kernel releases the lock when the process ends, in whatever way.
"""

import logging
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nasturtium.errors import GpuError
from nasturtium.jobs import locks
from nasturtium.metering.devices import VENDORS
from nasturtium.metering.sources import SHARED, Source

logger = logging.getLogger(__name__)

# The vendor whose devices can be restricted for a process, and the variable for that.
_VENDOR = next(vendor for vendor in VENDORS if vendor.mask)
MASK = _VENDOR.mask
# Names the folder of the slots; every Snakemake of a user on a host has to use the same.
FOLDER = "NASTURTIUM_GPU_SLOTS"
# How many jobs may use one GPU at once. An environment variable, since a rule's parameter would
# cause reruns although it changes no result.
JOBS_PER_DEVICE = "NASTURTIUM_GPU_JOBS_PER_DEVICE"

POLL_S = (0.5, 1.5)
"""Waiting jobs look again after a random time between these."""
REMIND_S = 600.0
"""So often they say that they still wait."""


def take(gpus: int) -> str | None:
    """Let this process see one GPU that no other job holds, and wait until there is one.

    To be called before TensorFlow is imported; processes started later inherit the choice. A preset
    ``CUDA_VISIBLE_DEVICES`` restricts the choice. If Slurm gave one device, the job uses it; if
    Slurm gave several in one allocation, each job takes one of them.

    Parameters
    ----------
    gpus
        GPUs that Snakemake gave to the job; 0 (``--resources gpu=0``) hides them all.

    Returns
    -------
    str or None
        UUID of the GPU whose slot this process holds from now on; None where it holds none:
        there is no GPU or driver, the preset names none, or Slurm has chosen.

    Raises
    ------
    GpuError
        The folder of the slots can't be used.
    """
    mask = os.environ.get(MASK)
    slurm_job = os.environ.get("SLURM_JOB_ID")
    if slurm_job is not None and (mask is None or "," not in mask):
        logger.info("GPU %s (%s of Slurm's job %s).", mask or "none", MASK, slurm_job)
        return None
    if gpus == 0:
        os.environ[MASK] = "-1"
        logger.info("No GPU: Snakemake gave this job none (gpu=0).")
        return None
    with _devices() as devices:
        if not devices:
            return None
        jobs_per_device = int(os.environ.get(JOBS_PER_DEVICE, "1"))
        device = _wait_for_slot(_folder(), devices, jobs_per_device).device
    os.environ[MASK] = device.id
    sharing = ""
    if jobs_per_device > 1:
        os.environ[SHARED] = f"gpu_jobs_per_device lets {jobs_per_device} jobs have the GPU"
        sharing = f", which up to {jobs_per_device} jobs share"
    logger.info("GPU %s (%s)%s.", device.id, device.name or "a slice", sharing)
    return device.id


@contextmanager
def _devices() -> Iterator[list[Source]]:
    """The GPUs and slices to which a process can be restricted, opened to count processes."""
    sources, _ = _VENDOR.open_sources()
    with ExitStack() as stack:
        for source in sources:
            stack.callback(source.close)
        # A board that can't be read can't be used either, or is divided into slices, which the
        # preset has to name.
        yield [source for source in sources if source.can_be_chosen]


def _folder() -> Path:
    own = Path(tempfile.gettempdir(), f"nasturtium-gpu-{os.getuid()}")
    folder = Path(os.environ.get(FOLDER) or own)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise _unusable(folder, error.strerror) from error
    # In /tmp anyone could have created it: a link, or a folder in which they hold the locks.
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise _unusable(folder, "it is a link, or others can write to it")
    return folder


def _wait_for_slot(folder: Path, devices: Sequence[Source], jobs_per_device: int) -> Source:
    reminded_s = None
    while True:
        try:
            chosen, holders = _try_slots(folder, devices, jobs_per_device)
        except OSError as error:
            raise _unusable(folder, error.strerror) from error
        if chosen is not None:
            return chosen
        now_s = time.monotonic()
        if holders and (reminded_s is None or now_s - reminded_s > REMIND_S):
            reminded_s = now_s
            logger.info(
                "Waiting for one of %d GPUs: jobs hold them all (processes %s).",
                len(devices),
                ", ".join(holders),
            )
        time.sleep(random.uniform(*POLL_S))


def _try_slots(
    folder: Path, devices: Sequence[Source], jobs_per_device: int
) -> tuple[Source | None, list[str]]:
    """Take a slot of the device with the fewest jobs, then the fewest processes of any kind.

    Returns the device, or None and the processes that hold the slots.
    """
    with ExitStack() as opened:
        # Two jobs that try the slots at the same time would each find those locked that the other
        # tries.
        looking = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, looking)
        if not locks.take(looking, wait=False):
            return None, []
        free, holders = [], []
        for place, source in enumerate(devices):
            # A slice of an older driver has slashes in its name.
            name = source.device.id.replace("/", "_")
            slots = {folder / f"{name}.{n}" for n in range(jobs_per_device)}
            # Another study may let more jobs have the device.
            slots |= set(folder.glob(f"{name}.*"))
            descriptors, taken_by = [], []
            for slot in sorted(slots):
                descriptor = os.open(slot, os.O_RDWR | os.O_CREAT, 0o600)
                if locks.take(descriptor, wait=False):
                    descriptors.append(descriptor)
                    opened.callback(_close_unless_held, descriptor)
                else:
                    taken_by.append(os.pread(descriptor, 32, 0).decode() or "?")
                    os.close(descriptor)
            holders += taken_by
            if len(taken_by) < jobs_per_device:
                load = (len(taken_by), source.processes()[0] or 0, place)
                free.append((load, descriptors[0], source))
        if not free:
            return None, holders
        _, descriptor, source = min(free, key=lambda one: one[0])
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        _held.add(descriptor)
        return source, []


# Open until this process ends. Programs that it starts do not inherit them, as with all descriptors
# of Python; a fork would, and could outlive it.
_held: set[int] = set()


def _close_unless_held(descriptor: int) -> None:
    if descriptor not in _held:
        os.close(descriptor)


def _close_held() -> None:
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_close_held)


def _unusable(folder: Path, why: str | None) -> GpuError:
    return GpuError(
        f"{folder}: the slots of the GPUs can't be kept in this folder ({why}); set {FOLDER} to "
        "one that only you can write to."
    )
