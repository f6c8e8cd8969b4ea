"""Reads the energy of a window that another process wrote."""

import os
from collections.abc import Sequence
from itertools import combinations

from nasturtium.metering.accounting import WORST_FIRST, WindowEnergy, total
from nasturtium.metering.workers import overlap
from nasturtium.records.parquet import read_rows


def stored_energy(path: str | os.PathLike, kind: str) -> WindowEnergy:
    """The energy of the one window of ``kind`` in an ``energy.parquet``: its job, or its fit.

    A search with several workers has a job window of each; their energies and durations are added.
    If two used a device at the same time there is no sum, since it would count the device twice.

    Raises
    ------
    ValueError
        The file has no window of that kind, or several of one process.
    """
    windows: dict[int, list[dict]] = {}
    for row in read_rows(path):
        if row["kind"] == kind:
            windows.setdefault(row["window_id"], []).append(row)
    workers = {rows[0].get("worker") for rows in windows.values()}
    if not windows or len(workers) != len(windows):
        raise ValueError(f"{path} does not have exactly one window of kind '{kind}'")
    parts = [total(rows) for rows in windows.values()]
    return parts[0] if len(parts) == 1 else _sum(parts)


def _sum(parts: Sequence[WindowEnergy]) -> WindowEnergy:
    rows = tuple(row for part in parts for row in part.rows)
    energies = [part.energy_j for part in parts]
    reasons = [part.reason for part in parts]
    is_twice = any(
        overlap(a, b) for one, two in combinations(parts, 2) for a in one.rows for b in two.rows
    )
    if is_twice:
        reasons = ["workers used one device at the same time, so a sum would count it twice"]
    is_measured = None not in energies and not is_twice
    methods = dict.fromkeys(name for part in parts for name in part.method.split("+"))
    return WindowEnergy(
        energy_j=sum(energies) if is_measured else None,
        method="+".join(methods) if is_measured else "none",
        quality=min((part.quality for part in parts), key=WORST_FIRST.index),
        reason="; ".join(dict.fromkeys(filter(None, reasons))) or None,
        duration_s=sum(part.duration_s for part in parts),
        idle_power_w=None,
        device_kind=parts[0].device_kind,
        rows=rows,
    )
