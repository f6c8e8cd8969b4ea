"""Figure: the quality of every run against its size, memory, latency and energy."""

import math
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence

from matplotlib.ticker import EngFormatter

from nasturtium.report import style
from nasturtium.report.points import (
    Point,
    Spread,
    pareto_front,
    points_of,
    seeds_sentence,
    test_error,
    test_error_label,
)

# More than this many names in a panel hide the points.
_MOST_NAMES = 16
# Pixels of a figure of 100 dots an inch, within which two names would cover each other.
_NEAR = 14


@style.house_style
def draw_tradeoff(rows: Sequence[Mapping], dataset: str, path: str | os.PathLike) -> None:
    """Four panels of one data set: lower left is better in each; the Pareto front is dashed."""
    points = points_of(rows, dataset)
    rows = [row for point in points for row in point.rows]
    figure, axes = style.new_figure(2, 2, 10, 8.2, sharey=True)
    handles: dict = {}
    for panel, (label, cost) in zip(axes.flat, _costs(rows), strict=True):
        panel.set_xlabel(label)
        _panel(panel, points, cost, handles)
    axes[1, 1].xaxis.set_major_formatter(EngFormatter("J"))
    for panel in axes[:, 0]:
        panel.set_ylabel(test_error_label(rows))
    style.logarithmic(axes[0, 0].yaxis, [test_error(row) for row in rows])
    style.heading(
        figure, f"{dataset}: test quality against what a model costs; lower left is better"
    )
    samples = rows[0]["test_samples"]
    title = f"{seeds_sentence(points)}; {samples:,} test samples; numbers: pruning ratio"
    style.share_legend(figure, handles, columns=4, title=title)
    style.save(figure, path, f"{dataset}: quality against size, memory, latency and energy")


def _costs(rows: Sequence[Mapping]) -> list[tuple[str, Callable[[Mapping], float | None]]]:
    devices = sorted({row["device_name"] for row in rows})
    machine = ", ".join(devices)
    threads = sorted({row["latency_threads"] for row in rows} - {None})
    on_cpu = {row["device_kind"] for row in rows} == {"cpu"}
    how = f"{threads[0]} thread of " if on_cpu and threads else ""
    if all(row["gpu_inference_peak_bytes"] is not None for row in rows):
        memory = ("GPU memory of one pass at batch 1 (kB)", _kilobytes("gpu_inference_peak_bytes"))
    else:
        memory = (
            "memory of one pass at batch 1 (kB), calculated: weights + activations",
            _kilobytes("calculated_memory_bytes"),
        )
    return [
        ("parameters", lambda row: row["parameters"]),
        memory,
        (
            f"median latency at batch 1 (ms)\n{how}{machine}",
            lambda row: row["latency_p50_ms"],
        ),
        (
            "energy of a sample in batches, idle power included (J)",
            lambda row: row["inference_energy_j"],
        ),
    ]


def _kilobytes(column: str) -> Callable[[Mapping], float | None]:
    return lambda row: None if row[column] is None else row[column] / 1000


def _panel(panel, points: Sequence[Point], cost: Callable, handles: dict) -> None:
    shown = [(point, point.spread(cost), point.spread(test_error)) for point in points]
    drawn = [(point, x, y) for point, x, y in shown if x is not None and y is not None]
    if not drawn:
        _say_why(panel, points)
        return
    style.logarithmic(panel.xaxis, [x.mean for _, x, _ in drawn])
    contest = [(x.mean, y.mean) for p, x, y in drawn if p.run.stage not in style.CONTROLS]
    front = pareto_front(contest)
    (line,) = panel.step(
        *zip(*front, strict=True), where="post", color=style.GREY, ls="--", lw=1, zorder=1
    )
    handles.setdefault("Pareto front (controls left out)", line)
    series: dict[tuple, list[tuple[Point, Spread, Spread]]] = {}
    for entry in drawn:
        series.setdefault(entry[0].series, []).append(entry)
    for (stage, method), entries in series.items():
        handles[_label(stage, method)] = _series(panel, stage, method, entries)
    _names(panel, drawn)
    missing = len(shown) - len(drawn)
    if missing:
        panel.set_title(f"{missing} of {len(shown)} runs not measured", fontsize=8)


def _series(panel, stage: str, method: str | None, entries: Sequence) -> object:
    entries = sorted(entries, key=lambda entry: entry[0].run.ratio or 0)
    control = stage in style.CONTROLS or method == "random"
    drawn = panel.errorbar(
        [x.mean for _, x, _ in entries],
        [y.mean for _, _, y in entries],
        xerr=_bars([x for _, x, _ in entries]),
        yerr=_bars([y for _, _, y in entries]),
        color=style.colour(stage),
        marker=style.marker(stage, method),
        markersize=11 if stage == "baseline" else 6,
        markerfacecolor="white" if control else style.colour(stage),
        ls=(":" if control else "-") if method else "none",
        lw=0.9,
        elinewidth=0.8,
        capsize=2,
        zorder={"baseline": 5, "nas": 4}.get(stage, 2 if control else 3),
        mec="white" if stage == "baseline" else None,
    )
    return drawn.lines[0]  # without the bars, which hide the marker in a legend


def _bars(spreads: Sequence[Spread]) -> list[float] | None:
    if all(spread.deviation is None for spread in spreads):
        return None
    return [spread.deviation or 0.0 for spread in spreads]


def _names(panel, drawn: Sequence) -> None:
    """The ratio beside each pruned point, or beside the ends of each series where it is crowded."""
    pruned = [entry for entry in drawn if entry[0].run.ratio is not None]
    if len(pruned) > _MOST_NAMES:
        ends = {}
        for entry in pruned:
            ratios = ends.setdefault(entry[0].series, [])
            ratios.append(entry[0].run.ratio)
        pruned = [
            entry
            for entry in pruned
            if entry[0].run.ratio == max(ends[entry[0].series])
            and entry[0].run.stage not in style.CONTROLS
        ]
    panel.autoscale_view()  # else places are those of an empty panel
    written: list[tuple[float, float, float]] = []
    for point, x, y in pruned:
        ratio, place = point.run.ratio, panel.transData.transform((x.mean, y.mean))
        if any(ratio == other and math.dist(place, there) < _NEAR for other, *there in written):
            continue  # the name that stands there says the same
        written.append((ratio, *place))
        panel.annotate(
            f"{ratio:g}",
            (x.mean, y.mean),
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=6.5,
            color="#404040",
            zorder=4,
        )


def _label(stage: str, method: str | None) -> str:
    name = stage if method is None else f"{stage}, {method}"
    control = stage in style.CONTROLS or method == "random"
    return f"{name} (control)" if control else name


def _say_why(panel, points: Sequence[Point]) -> None:
    reasons = sorted({row["inference_energy_reason"] for p in points for row in p.rows} - {None})
    why = textwrap.fill("Not measured: " + ("; ".join(reasons) or "no figure"), 46)
    panel.set_xticks([])
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.tick_params(left=False, which="both")
    panel.text(0.5, 0.5, why, ha="center", va="center", transform=panel.transAxes)
