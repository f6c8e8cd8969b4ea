"""Joins the ``energy.parquet`` and ``power.parquet`` of the workers of one run."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from nasturtium.metering.accounting import WORST_FIRST
from nasturtium.metering.devices import local_kinds
from nasturtium.records.checksums import read_json, write_json
from nasturtium.records.energy import ENERGY, POWER
from nasturtium.records.parquet import read_rows, write_table

_MACHINE = "machine"


def note_machine(folder: str | Path) -> None:
    """Record the machine of the tables in ``folder``, to which clocks and packages belong."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    write_json(Path(folder) / _MACHINE, {"boot": boot.read_text() if boot.exists() else ""})


def join(folders: Mapping[int, Path]) -> tuple[list[dict], list[dict]]:
    """Rows of ``energy.parquet`` and ``power.parquet`` of several workers.

    Windows are renumbered. CPU packages of different machines have the same names, so the first
    worker on a machine is added to them. Times are on the first worker's clock, converted by
    wall-clock time for other machines. If another worker used a window's device at the same time,
    the window is ``shared``: its joules are the device's.

    Parameters
    ----------
    folders
        Folder of the tables and of :func:`note_machine` by worker.
    """
    windows: list[dict] = []
    samples: list[dict] = []
    first: dict[str, int] = {}
    anchor_ns = None
    for worker, folder in sorted(folders.items()):
        machine = read_json(folder / _MACHINE)["boot"]
        own, trace = read_rows(folder / "energy.parquet"), read_rows(folder / "power.parquet")
        host = first.setdefault(machine, worker)
        epoch_ns = _epoch_ns(own[0])
        anchor_ns = epoch_ns if anchor_ns is None else anchor_ns
        shift_ns = 0 if host == min(folders) else epoch_ns - anchor_ns
        begin = 1 + max((row["window_id"] for row in windows), default=-1)
        local = {row["device_id"] for row in own if row["device_kind"] in local_kinds()}
        suffix = "" if host == min(folders) else f" (machine of worker {host})"
        for row in own:
            row["window_id"] += begin
            if row["parent_id"] is not None:
                row["parent_id"] += begin
            row["t0_ns"] += shift_ns
            row["t1_ns"] += shift_ns
        for row in trace:
            row["t_ns"] += shift_ns
        for row in [*own, *trace]:
            row["worker"] = worker
            if row["device_id"] in local:
                row["device_id"] += suffix
        windows += own
        samples += trace
    _mark_shared(windows)
    return windows, samples


def write_joined(
    folder: str | Path, windows: Iterable[Mapping], samples: Iterable[Mapping], *, code: str
) -> None:
    """Write both tables to ``folder``, each atomically."""
    write_table(Path(folder) / "energy.parquet", ENERGY, windows, code=code)
    write_table(Path(folder) / "power.parquet", POWER, samples, code=code)


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows of ``energy.parquet`` are of one device and overlap in time."""
    return (
        one["device_id"] is not None
        and one["device_id"] == other["device_id"]
        and one["t0_ns"] < other["t1_ns"]
        and other["t0_ns"] < one["t1_ns"]
    )


def _mark_shared(windows: list[dict]) -> None:
    # A job window and the idle one before it cover a worker's whole time.
    jobs = [row for row in windows if row["kind"] == "job"]
    for row in windows:
        others = sorted(
            {job["worker"] for job in jobs if job["worker"] != row["worker"] and overlap(job, row)}
        )
        if others:
            if WORST_FIRST.index(row["quality"]) > WORST_FIRST.index("shared"):
                row["quality"] = "shared"
            names = ", ".join(str(worker) for worker in others)
            reason = f"worker {names} used the device too"
            row["reason"] = "; ".join(filter(None, [row["reason"], reason]))


def _epoch_ns(row: Mapping[str, Any]) -> int:
    """What to add to a time of the process's clock to get the time since the epoch."""
    wall: datetime = row["t0_wall"]
    return round(wall.timestamp() * 1e9) - row["t0_ns"]
