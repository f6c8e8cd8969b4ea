"""Figure: the quality of every run against its size, memory, latency and energy."""

import math
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nasturtium.report import style
from nasturtium.report.as_deployed import int8_error
from nasturtium.report.points import (
    Point,
    Spread,
    error_bars,
    error_label,
    points_of,
    seeds_sentence,
    test_error,
)
from nasturtium.statistics.pareto import front_line

# More names than this in a panel would hide the points.
_MOST_NAMES = 16
# Distance below which two names would overlap, in pixels at 100 dots per inch.
_NEAR = 14


@style.house_style
def draw_tradeoff(rows: Sequence[Mapping], dataset: str, path: str | os.PathLike) -> None:
    """A panel per measured cost; lower left is better, and a light line is the front.

    The front is light and includes controls: it shows the points that no other beats, not that
    neighbouring points differ significantly.
    """
    points = points_of(rows, dataset)
    rows = [row for point in points for row in point.rows]
    costs, missing = _measured(rows)
    lines = math.ceil(len(costs) / 3)
    figure, axes = style.new_figure(lines, 3, 12.5, 0.9 + 3.5 * lines, sharey=True)
    handles: dict = {}
    for panel, cost in zip(axes.flat, costs, strict=False):
        panel.set_xlabel(cost.label)
        _panel(panel, points, cost, handles)
    for panel in axes.flat[len(costs) :]:
        panel.set_visible(False)
    for panel in axes[:, 0]:
        panel.set_ylabel(error_label(rows, "test"))
    style.logarithmic(axes[0, 0].yaxis, [test_error(row) for row in rows])
    style.heading(
        figure, f"{dataset}: test quality against what a model costs; lower left is better"
    )
    samples = rows[0]["test_samples"]
    title = f"{seeds_sentence(points)}; {samples:,} test samples; numbers: pruning ratio"
    style.share_legend(figure, handles, columns=5, title="\n".join([title, *missing]))
    style.save(figure, path, f"{dataset}: quality against size, memory, latency and energy")


@dataclass(frozen=True)
class _Cost:
    """The cost on a panel's horizontal axis."""

    label: str
    figure: Callable[[Mapping], float | None]
    reason: str = ""
    from_zero: bool = False
    error: Callable[[Mapping], float | None] = test_error


def _measured(rows: Sequence[Mapping]) -> tuple[list[_Cost], list[str]]:
    """The costs for which any run has a figure, and a sentence for each other cost."""
    drawn, missing = [], []
    for cost in _costs(rows):
        if any(cost.figure(row) is not None for row in rows):
            drawn.append(cost)
        else:
            reasons = sorted({row.get(cost.reason) for row in rows} - {None}) or ["no figure"]
            said = "; ".join(textwrap.shorten(reason, 120) for reason in reasons[:2])
            missing.append(f"Not measured, so not drawn: {cost.label.splitlines()[0]} ({said})")
    return drawn, missing


def _costs(rows: Sequence[Mapping]) -> list[_Cost]:
    processors = ", ".join(sorted({row["cpu_name"] for row in rows}))
    return [
        _Cost("parameters", _plain("parameters")),
        _Cost("thousand MACs of a sample", _thousandth("macs"), "macs_reason"),
        _Cost("weights after gzip (kB)", _thousandth("weights_gzip_bytes")),
        _Cost(
            "flash of the int8 file, its own error (kB)",
            _thousandth("tflite_int8_bytes"),
            _INT8,
            error=int8_error,
        ),
        _Cost(
            "its RAM on a microcontroller, its own error (kB)",
            _thousandth("tflite_int8_arena_bytes"),
            "tflite_int8_arena_reason",
            error=int8_error,
        ),
        _Cost(
            f"TFLite latency, float32, over the baseline's\n1 thread of {processors}",
            _plain("tflite_latency_ratio"),
            "tflite_reason",
            from_zero=True,
        ),
        _Cost(
            "GPU memory of one pass at batch 1 (kB)",
            _thousandth("gpu_inference_peak_bytes"),
            "gpu_memory_reason",
        ),
        _Cost(
            "energy of a sample in batches, idle power included (µJ)",
            lambda row: _times(row.get("inference_energy_j"), 1e6),
            "inference_energy_reason",
        ),
    ]


_INT8 = "tflite_int8_reason"


def _plain(column: str) -> Callable[[Mapping], float | None]:
    return lambda row: row.get(column)


def _thousandth(column: str) -> Callable[[Mapping], float | None]:
    return lambda row: _times(row.get(column), 1e-3)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value


def _panel(panel, points: Sequence[Point], cost: _Cost, handles: dict) -> None:
    shown = [(point, point.spread(cost.figure), point.spread(cost.error)) for point in points]
    drawn = [(point, x, y) for point, x, y in shown if x is not None and y is not None]
    if not drawn:
        # Some seeds have the figure, but no run has it for all of its seeds.
        panel.set_title("measured for a part of the seeds only", fontsize=8)
        return
    if cost.from_zero:
        panel.set_xlim(left=0, right=1.08 * max(x.mean + (x.deviation or 0) for _, x, _ in drawn))
    else:
        style.logarithmic(panel.xaxis, [x.mean for _, x, _ in drawn])
    front = front_line([(x.mean, y.mean) for _, x, y in drawn])
    (line,) = panel.step(
        *zip(*front, strict=True), where="post", color=style.GREY, lw=3, alpha=0.3, zorder=1
    )
    handles.setdefault("no other run is better in both", line)
    series: dict[tuple, list[tuple[Point, Spread, Spread]]] = {}
    for entry in drawn:
        series.setdefault(entry[0].series, []).append(entry)
    for (stage, method), unsorted in series.items():
        entries = sorted(unsorted, key=lambda entry: entry[0].run.ratio or 0)
        # Intervals by the test samples exist for the model's error, not for a file's.
        of_model = (
            error_bars([point for point, _, _ in entries]) if cost.error is test_error else None
        )
        bars = of_model or _bars([y for _, _, y in entries])
        handles[style.series_label(stage, method)] = _series(panel, stage, method, entries, bars)
    _names(panel, drawn)
    missing = len(shown) - len(drawn)
    if missing:
        panel.set_title(f"{missing} of {len(shown)} runs not measured", fontsize=8)


def _series(panel, stage: str, method: str | None, entries: Sequence, bars: list | None) -> object:
    control = style.is_control(stage, method)
    drawn = panel.errorbar(
        [x.mean for _, x, _ in entries],
        [y.mean for _, _, y in entries],
        xerr=_bars([x for _, x, _ in entries]),
        yerr=bars,
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
    for bar in drawn.lines[2]:
        bar.set_alpha(0.4)
    return drawn.lines[0]  # without the bars, which would hide the marker in a legend


def _bars(spreads: Sequence[Spread]) -> list[float] | None:
    if all(spread.deviation is None for spread in spreads):
        return None
    return [spread.deviation or 0.0 for spread in spreads]


def _names(panel, drawn: Sequence) -> None:
    """The ratio beside each pruned point, or beside the ends of each series if it is crowded."""
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
    panel.autoscale_view()  # otherwise positions are those of an empty panel
    written: list[tuple[float, float, float]] = []
    for point, x, y in pruned:
        ratio, place = point.run.ratio, panel.transData.transform((x.mean, y.mean))
        if any(ratio == other and math.dist(place, there) < _NEAR for other, *there in written):
            continue  # an equal name is already there
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
