"""Figure: quality and latency against the pruning ratio, with the controls."""

import os
from collections.abc import Callable, Mapping, Sequence

from nasturtium.report import style
from nasturtium.report.points import (
    Point,
    error_bars,
    error_label,
    points_of,
    seeds_sentence,
    test_error,
)

# A column of the figure: its title, its families of pruned runs, and the runs they started from.
_COLUMNS = (
    ("the baseline, pruned", ("pruned", "scratch"), ("baseline", "baseline_longer")),
    ("the search's best trial, pruned", ("nas_pruned",), ("nas", "baseline")),
)


@style.house_style
def draw_pruning_curves(rows: Sequence[Mapping], dataset: str, path: str | os.PathLike) -> None:
    """Test error, compressed size and latency over the ratio, one column per pruned net."""
    points = points_of(rows, dataset)
    title = f"{dataset}: pruning curves"
    columns = [
        column
        for column in _COLUMNS
        if any(p.run.stage in column[1] and p.run.ratio for p in points)
    ]
    if not columns:
        style.save_sentence("The summary has no pruned run.", path, title)
        return
    rows = [row for point in points for row in point.rows]
    measures = (
        (error_label(rows, "test"), test_error),
        ("weights after gzip (kB)", lambda row: row["weights_gzip_bytes"] / 1000),
        ("TFLite latency, float32,\nover the baseline's", _tflite_latency),
    )
    if all(_tflite_latency(row) is None for row in rows):
        measures = measures[:2]
    width = 1.5 + 3.8 * len(columns)
    figure, axes = style.new_figure(
        len(measures), len(columns), width, 3 * len(measures), sharex=True, sharey="row"
    )
    handles: dict = {}
    for line, (label, measure) in zip(axes, measures, strict=True):
        line[0].set_ylabel(label)
        for panel, (_, families, references) in zip(line, columns, strict=True):
            _references(panel, points, references, measure, handles)
            start = next((p for p in points if p.name == references[0]), None)
            _curves(panel, points, families, measure, handles, start)
    for panel in axes[1:, 0]:
        panel.set_ylim(bottom=0)
    style.logarithmic(axes[0, 0].yaxis, [test_error(row) for row in rows])
    for panel, (name, _, _) in zip(axes[0], columns, strict=True):
        panel.set_title(name)
    for panel in axes[-1]:
        panel.set_xlabel("pruning ratio: share of the prunable parameters that is gone")
    style.heading(figure, f"{title}; lower is better")
    style.share_legend(
        figure, handles, columns=3 if len(columns) > 1 else 2, title=seeds_sentence(points)
    )
    style.save(figure, path, title)


def _references(panel, points: Sequence[Point], names: Sequence[str], measure: Callable, handles):
    styles = {"baseline": "-", "baseline_longer": "--", "nas": "-"}
    for point in points:
        value = point.spread(measure) if point.name in names else None
        if value is None:
            continue
        colour = style.colour(point.run.stage)
        line = panel.axhline(value.mean, color=colour, ls=styles[point.name], lw=1.1, zorder=1)
        if value.deviation:
            panel.axhspan(
                value.mean - value.deviation,
                value.mean + value.deviation,
                color=colour,
                alpha=0.08,
                lw=0,
                zorder=0,
            )
        handles[point.name + (" (control)" if point.name == "baseline_longer" else "")] = line


def _tflite_latency(row: Mapping) -> float | None:
    return row.get("tflite_latency_ratio")


def _curves(
    panel,
    points: Sequence[Point],
    families: Sequence[str],
    measure: Callable,
    handles: dict,
    start: Point | None,
):
    """One curve per series; those of pruned nets begin with the unpruned net, at ratio 0."""
    series: dict[tuple, list[Point]] = {}
    for point in points:
        if point.run.stage in families and point.run.ratio is not None:
            series.setdefault(point.series, []).append(point)
    for (stage, method), members in series.items():
        if start is not None and stage != "scratch":
            members = [start, *members]
        found = [(p.run.ratio or 0.0, s, p) for p in members if (s := p.spread(measure))]
        found.sort(key=lambda entry: entry[0])
        if not found:
            continue
        control = style.is_control(stage, method)
        handles[style.series_label(stage, method)] = panel.errorbar(
            [ratio for ratio, _, _ in found],
            [spread.mean for _, spread, _ in found],
            yerr=_bars(found, measure),
            color=style.colour(stage),
            marker=style.marker(stage, method),
            markerfacecolor="white" if control else style.colour(stage),
            ls=":" if control else "-",
            elinewidth=0.8,
            capsize=2,
            zorder=3,
        ).lines[0]


def _bars(found: Sequence, measure: Callable):
    if measure is test_error:
        return error_bars([point for _, _, point in found])
    deviations = [spread.deviation or 0 for _, spread, _ in found]
    return deviations if any(deviations) else None
