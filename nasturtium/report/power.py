"""Figure: the power trace of some jobs with the windows in which energy is counted."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.report import style

# More samples than pixels of the axis would not be visible.
_MOST_SAMPLES = 1500
_SHADES = {"fit": "#0072B2", "trial": "#009E73", "inference": "#E69F00", "idle": "#767676"}


@style.house_style
def draw_power(
    jobs: Mapping[str, tuple[Sequence[Mapping], Sequence[Mapping]]],
    title: str,
    path: str | os.PathLike,
) -> None:
    """One panel per job: power over time with shaded windows, or a sentence.

    Parameters
    ----------
    jobs
        Name of a run to its ``power.parquet`` and ``energy.parquet``.
    """
    traced = {name: tables for name, tables in jobs.items() if tables[0]}
    if not traced:
        reasons = sorted(
            {row["reason"] for _, windows in jobs.values() for row in windows} - {None}
        )
        why = "; ".join(reasons) or "no run was metered"
        style.save_sentence(f"No power was measured: {why}.", path, title)
        return
    figure, axes = style.new_figure(len(traced), 1, 9, 1 + 2.1 * len(traced))
    handles: dict = {}
    for (panel,), (name, (samples, windows)) in zip(axes, traced.items(), strict=True):
        start_ns = min(row["t0_ns"] for row in windows)
        _shade(panel, windows, start_ns, handles)
        # Each worker of a search has its own trace and counters.
        for worker, device in sorted({_traced(row) for row in samples}):
            trace = [row for row in samples if _traced(row) == (worker, device)]
            times_s, power_w = _trace(trace, start_ns)
            label = _device_name(windows, device)
            (handles[label],) = panel.plot(times_s, power_w, lw=0.9, color=_line(handles, label))
        panel.set_title(f"{name}: {_energy(windows)}")
        panel.set_ylabel("power (W)")
        panel.set_ylim(bottom=0)
    axes[-1, 0].set_xlabel("time since the job's first window (s)")
    style.heading(figure, f"{title}; n = 1 job a panel")
    style.share_legend(figure, handles, columns=4)
    style.save(figure, path, title)


def _shade(panel, windows: Sequence[Mapping], start_ns: int, handles: dict) -> None:
    seen = set()
    for row in windows:
        if row["kind"] not in _SHADES or row["window_id"] in seen:
            continue
        seen.add(row["window_id"])
        span_s = [(row[edge] - start_ns) / 1e9 for edge in ("t0_ns", "t1_ns")]
        band = panel.axvspan(*span_s, color=_SHADES[row["kind"]], alpha=0.15, lw=0)
        if row["kind"] in ("fit", "trial"):
            panel.axvline(span_s[0], color=_SHADES[row["kind"]], lw=0.5, alpha=0.6)
        handles.setdefault(f"window: {row['kind']}", band)


def _traced(row: Mapping) -> tuple[int, str]:
    worker = row.get("worker")
    return (-1 if worker is None else worker), row["device_id"]


def _trace(samples: Sequence[Mapping], start_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Time in seconds and power in watts; for a device with only a counter, its slope."""
    samples = sorted(samples, key=lambda row: row["t_ns"])
    measured = [row for row in samples if row["power_instant_w"] is not None]
    if measured:
        times_s = np.array([(row["t_ns"] - start_ns) / 1e9 for row in measured])
        power_w = np.array([row["power_instant_w"] for row in measured])
    else:
        counted = [row for row in samples if row["energy_counter_j"] is not None]
        edges_s = np.array([(row["t_ns"] - start_ns) / 1e9 for row in counted])
        joules = np.array([row["energy_counter_j"] for row in counted])
        times_s, power_w = edges_s[1:], np.diff(joules) / np.diff(edges_s)
    return _thinned(times_s, power_w)


def _thinned(times_s: np.ndarray, power_w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value of each section, so that no peak is lost."""
    if len(times_s) <= _MOST_SAMPLES:
        return times_s, power_w
    chosen = []
    for part in np.array_split(np.arange(len(times_s)), _MOST_SAMPLES // 2):
        pair = {part[np.argmin(power_w[part])], part[np.argmax(power_w[part])]}
        chosen.extend(sorted(pair))
    return times_s[chosen], power_w[chosen]


def _device_name(windows: Sequence[Mapping], device: str) -> str:
    names = {row["device_name"] for row in windows if row["device_id"] == device} - {None}
    return f"{sorted(names)[0]} ({device[:12]})" if names else device


def _line(handles: dict, label: str) -> str:
    if label in handles:
        return handles[label].get_color()
    devices = [key for key in handles if not key.startswith("window")]
    return ("#000000", "#D55E00", "#CC79A7", "#56B4E9")[len(devices) % 4]


def _energy(windows: Sequence[Mapping]) -> str:
    best = [row for row in windows if row["kind"] == "job" and row["is_best"]]
    if not best or any(row["energy_j"] is None for row in best):
        reasons = sorted({row["reason"] for row in windows if row["kind"] == "job"} - {None})
        return "energy not measured: " + "; ".join(reasons)
    if len({row.get("worker") for row in best}) > 1 and "shared" in {r["quality"] for r in best}:
        return "energy not added up: workers shared a device"
    methods = ", ".join(sorted({row["method"] for row in best}))
    joules = sum(row["energy_j"] for row in best)
    return (f"{joules:,.0f}" if joules >= 100 else f"{joules:.3g}") + f" J by {methods}"
