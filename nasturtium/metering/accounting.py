"""Turns a closed window and its trace into rows of ``energy.parquet`` and the window's total."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasturtium.metering import methods
from nasturtium.metering.devices import counted_kind
from nasturtium.metering.methods import Figure
from nasturtium.metering.sampler import FORKED
from nasturtium.metering.sources import Source
from nasturtium.metering.trace import Trace
from nasturtium.metering.windows import Window

# The worst problem of a figure comes first.
WORST_FIRST = ("none", "error", "shared", "gap", "short", "disagree", "ok")


@dataclass(frozen=True)
class WindowEnergy:
    """The energy of a window, over all counted devices.

    The sum over the devices of one kind, the first in ``VENDORS`` that the job has: over its GPUs,
    otherwise over the CPU packages, and never over both, since most machines show only one of them.
    If one of the devices was not measured, the sum is None.
    """

    energy_j: float | None
    """Including idle power."""
    method: str
    quality: str
    """The worst among the devices."""
    reason: str | None
    duration_s: float
    idle_power_w: float | None
    """Mean power in the latest idle window before it."""
    device_kind: str
    rows: tuple[dict[str, Any], ...]
    """Rows of ``energy.parquet``, every device and method."""

    @property
    def power_mean_w(self) -> float | None:
        """Energy over duration."""
        if self.energy_j is None or not self.duration_s:
            return None
        return self.energy_j / self.duration_s


def window_rows(
    window: Window,
    sources: Sequence[Source],
    traces: Sequence[Trace],
    *,
    period_s: float,
    idle_w: Sequence[float | None],
    none_reason: str,
) -> list[dict[str, Any]]:
    """Rows of ``energy.parquet`` for a closed window, without the run's identity.

    Parameters
    ----------
    window
        The closed window, with readings at both ends in the order of ``sources``.
    sources, traces
        The devices and their samples so far.
    period_s
        The sampler's period.
    idle_w
        Mean power of each device in the latest idle window; None if there was none.
    none_reason
        Why there is no source, for the single row of such a window.
    """
    common = {
        "window_id": window.id,
        "parent_id": window.parent_id,
        "kind": window.kind,
        "key": window.key,
        "epoch": window.epoch,
        "trial": window.trial,
        "t0_ns": window.t0_ns,
        "t1_ns": window.t1_ns,
        "duration_s": window.duration_s,
        "synchronised": window.synchronised,
        "status": window.status,
    }
    if not sources:
        reason = "; ".join([none_reason, *window.notes])
        none = {"device_kind": "none", "method": "none", "quality": "none", "is_best": False}
        return [{**common, **none, "reason": reason}]
    counted = counted_kind({source.device.kind for source in sources})
    rows = []
    for number, source in enumerate(sources):
        figures = _figures(window, number, source, traces[number], period_s)
        best = None
        if source.device.kind == counted:
            measured = [figure for figure in figures if figure.energy_j is not None]
            best = next((one for one in measured if one.method not in methods.NAIVE), None)
        device = _device_columns(window, number, source, traces[number])
        rows += [
            {
                **common,
                **device,
                "idle_power_w": idle_w[number],
                **_method_columns(window, source, figure),
                "is_best": figure is best,
            }
            for figure in figures
        ]
    return rows


def mean_powers_w(rows: Sequence[dict[str, Any]], sources: Sequence[Source]) -> list[float | None]:
    """Mean power of each device in a window, by the best method that has it; from its rows."""
    powers_w: dict[str, float] = {}
    for row in rows:
        if row["method"] not in methods.NAIVE and row["power_mean_w"] is not None:
            powers_w.setdefault(row["device_id"], row["power_mean_w"])
    return [powers_w.get(source.device.id) for source in sources]


def total(rows: Sequence[dict[str, Any]]) -> WindowEnergy:
    """The energy of one window, from its rows."""
    counted = counted_kind({row["device_kind"] for row in rows})
    chosen = []
    for device in dict.fromkeys(row["device_id"] for row in rows if row["device_kind"] == counted):
        own = [row for row in rows if row["device_id"] == device]
        chosen.append(next((row for row in own if row["is_best"]), {**own[0], "method": "none"}))
    if not chosen:
        chosen = [rows[0]]
    energies = [row.get("energy_j") for row in chosen]
    idle = [row.get("idle_power_w") for row in chosen]
    is_measured = None not in energies
    kinds = dict.fromkeys(row["method"] for row in chosen)
    return WindowEnergy(
        energy_j=sum(energies) if is_measured else None,
        method="+".join(kinds) if is_measured else "none",
        quality=min((row["quality"] for row in chosen), key=WORST_FIRST.index),
        reason="; ".join(dict.fromkeys(row["reason"] for row in chosen if row["reason"])) or None,
        duration_s=rows[0]["duration_s"],
        idle_power_w=sum(idle) if None not in idle else None,
        device_kind=chosen[0]["device_kind"],
        rows=tuple(rows),
    )


def _figures(
    window: Window, number: int, source: Source, trace: Trace, period_s: float
) -> list[Figure]:
    """Best method first; the naive ones, which only serve as comparison, last."""
    begin, end = window.opening[number], window.closing[number]
    if FORKED in (begin.reason, end.reason):
        return [Figure("none").fail("none", FORKED)]
    inside = trace.between(window.t0_ns, window.t1_ns)
    figures = []
    if source.counter_method is not None:
        figures.append(methods.counter(source, window, begin, end, inside))
    if source.power_method is not None:
        figures.append(methods.trapezoid(source, window, begin, end, inside, period_s))
    methods.compare(figures)
    if source.power_method is not None:
        figures.append(methods.two_readings(window, begin, end))
        figures.append(methods.slow_thread(window, trace, begin, end))
    if not figures:
        reason = begin.reason or end.reason or "the device reports neither energy nor power"
        figures = [Figure("none").fail("none", reason)]
    for figure in figures:
        _judge(figure, window, number, source)
    return figures


def _judge(figure: Figure, window: Window, number: int, source: Source) -> None:
    """Columns that are the same for every method: other processes, and the duration."""
    count, unknown = window.processes[number]
    if count is not None and count > 1:
        figure.problems["shared"] = f"{count} processes compute on the device"
    elif source.device.shared is not None:
        # Counted only at both ends: other processes may have run in between.
        figure.problems["shared"] = source.device.shared
    if unknown is not None:
        figure.notes.append(unknown)
    if source.device.note is not None:
        figure.notes.append(source.device.note)
    figure.notes += window.notes
    if window.duration_s < methods.SHORTEST_PERIODS * source.update_period_s:
        shortest_s = methods.SHORTEST_PERIODS * source.update_period_s
        figure.problems.setdefault("short", f"shorter than {shortest_s:g} s")


def _device_columns(window: Window, number: int, source: Source, trace: Trace) -> dict[str, Any]:
    begin, end = window.opening[number], window.closing[number]
    inside = trace.between(window.t0_ns, window.t1_ns)
    peaks = inside.field("power_instant_w")[1]
    if len(peaks) == 0:
        peaks = inside.field("power_average_w")[1]
    clocks = inside.field("sm_clock_mhz")[1].tolist()
    clocks += [clock for clock in (begin.sm_clock_mhz, end.sm_clock_mhz) if clock is not None]
    return {
        "device_kind": source.device.kind,
        "device_id": source.device.id,
        "device_name": source.device.name,
        "driver": source.device.driver,
        "pci_id": source.device.pci_id,
        "power_peak_w": float(np.max(peaks)) if len(peaks) >= 3 else None,
        "temperature_start_c": begin.temperature_c,
        "temperature_end_c": end.temperature_c,
        "sm_clock_mean_mhz": float(np.mean(clocks)) if clocks else None,
        "n_processes_on_device": window.processes[number][0],
    }


def _method_columns(window: Window, source: Source, figure: Figure) -> dict[str, Any]:
    mean_w = quantum_j = None
    if figure.energy_j is not None and window.duration_s > 0:
        mean_w = figure.energy_j / window.duration_s
        if figure.method == source.counter_method:
            quantum_j = mean_w * source.update_period_s
    reasons = dict.fromkeys([*figure.problems.values(), *figure.notes])
    return {
        "method": figure.method,
        "energy_j": figure.energy_j,
        "power_mean_w": mean_w,
        "n_samples": figure.n_samples,
        "max_gap_s": figure.max_gap_s,
        "counter_quantum_j": quantum_j,
        "quality": next((name for name in WORST_FIRST if name in figure.problems), "ok"),
        "reason": "; ".join(reasons) or None,
    }
