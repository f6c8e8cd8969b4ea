"""Which of a machine's GPUs a CUDA program sees, by the rules of ``CUDA_VISIBLE_DEVICES``."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Visible:
    """What a mask selects."""

    indices: tuple[int, ...]
    """Positions among the devices, in the mask's order."""
    mig: tuple[str, ...]
    """Entries that name a MIG slice."""
    reason: str | None
    """Why entries, or all, select nothing."""


def resolve(mask: str | None, uuids: Sequence[str | None]) -> Visible:
    """The devices that a mask selects.

    Parameters
    ----------
    mask
        Value of ``CUDA_VISIBLE_DEVICES``: indices, UUIDs or unambiguous prefixes of them, or MIG
        identifiers, separated by commas; None if it is not set, which selects all.
    uuids
        UUID of every device, in PCI order; None if it can't be read.

    Returns
    -------
    Visible
        As CUDA does, the first entry that names no device ends the list.
    """
    if mask is None:
        return Visible(tuple(range(len(uuids))), (), None)
    entries = [entry.strip() for entry in mask.split(",")]
    if entries == [""]:
        return Visible((), (), "CUDA_VISIBLE_DEVICES is empty")
    indices: list[int] = []
    mig: list[str] = []
    for entry in entries:
        if entry.startswith("MIG-"):
            mig.append(entry)
            continue
        index = _index(entry, uuids)
        if index is None or index in indices:
            reason = f"the entry '{entry}' of CUDA_VISIBLE_DEVICES selects no GPU"
            return Visible(tuple(indices), tuple(mig), reason)
        indices.append(index)
    return Visible(tuple(indices), tuple(mig), None)


def _index(entry: str, uuids: Sequence[str | None]) -> int | None:
    if entry.isdecimal():
        return int(entry) if int(entry) < len(uuids) else None
    if not entry.startswith("GPU-"):
        return None
    found = [
        number for number, uuid in enumerate(uuids) if uuid is not None and uuid.startswith(entry)
    ]
    return found[0] if len(found) == 1 else None
