"""Figure: quality and latency against the pruning ratio, with the controls."""

import os
from collections.abc import Callable, Mapping, Sequence

from nasturtium.report import style
from nasturtium.report.points import (
    Point,
    points_of,
    seeds_sentence,
    test_error,
    test_error_label,
)

# A column of the figure: its title, the families of pruned runs in it, and what they began as.
_COLUMNS = (
    ("the baseline, pruned", ("pruned", "scratch"), ("baseline", "baseline_longer")),
    ("the search's best trial, pruned", ("nas_pruned",), ("nas", "baseline")),
)


@style.house_style
def draw_pruning_curves(rows: Sequence[Mapping], dataset: str, path: str | os.PathLike) -> None:
    """Test error, compressed size and latency over the ratio, one column a pruned net."""
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
        (test_error_label(rows), test_error),
        ("weights after gzip (kB)", lambda row: row["weights_gzip_bytes"] / 1000),
        ("median latency at batch 1 (ms)", lambda row: row["latency_p50_ms"]),
    )
    width = 1.5 + 3.8 * len(columns)
    figure, axes = style.new_figure(3, len(columns), width, 9, sharex=True, sharey="row")
    handles: dict = {}
    for line, (label, measure) in zip(axes, measures, strict=True):
        line[0].set_ylabel(label)
        for panel, (_, families, references) in zip(line, columns, strict=True):
            _references(panel, points, references, measure, handles)
            _curves(panel, points, families, measure, handles)
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


def _curves(panel, points: Sequence[Point], families: Sequence[str], measure: Callable, handles):
    series: dict[tuple, list[Point]] = {}
    for point in points:
        if point.run.stage in families and point.run.ratio is not None:
            series.setdefault(point.series, []).append(point)
    for (stage, method), members in series.items():
        found = sorted((p.run.ratio, s) for p in members if (s := p.spread(measure)) is not None)
        if not found:
            continue
        control = stage in style.CONTROLS or method == "random"
        bars = [spread.deviation or 0 for _, spread in found]
        handles[_label(stage, method)] = panel.errorbar(
            [ratio for ratio, _ in found],
            [spread.mean for _, spread in found],
            yerr=bars if any(bars) else None,
            color=style.colour(stage),
            marker=style.marker(stage, method),
            markerfacecolor="white" if control else style.colour(stage),
            ls=":" if control else "-",
            elinewidth=0.8,
            capsize=2,
            zorder=3,
        ).lines[0]


def _label(stage: str, method: str) -> str:
    control = stage in style.CONTROLS or method == "random"
    return f"{stage}, {method}" + (" (control)" if control else "")
