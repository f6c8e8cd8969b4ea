"""Figure for choosing a net: test error against parameters, with rings on the verdict's nets."""

import os
from collections.abc import Mapping, Sequence

from nasturtium.records.runs import BASELINE
from nasturtium.report import style
from nasturtium.report.points import (
    Point,
    error_bars,
    error_label,
    points_of,
    seeds_sentence,
    test_error,
    test_error_bars,
)
from nasturtium.statistics.verdict import Verdict, verdict_of

_RINGS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")

# If all errors are in the upper part of an axis from 0, the axis begins near them.
_CROWDED = 0.5


@style.house_style
def draw_choice(rows: Sequence[Mapping], dataset: str, path: str | os.PathLike) -> None:
    """Every run by parameters and test error; the band is the range of the baseline's bar."""
    points = points_of(rows, dataset)
    heading = f"{dataset}: test error against size; lower left is better"
    figure, axes = style.new_figure(1, 1, 8.6, 4.6)
    panel, handles = axes[0, 0], {}
    for point in points:
        _draw(panel, point, handles)
    baseline = next((point for point in points if point.name == BASELINE), None)
    bars = test_error_bars(baseline) if baseline else None
    if bars:
        middle = baseline.spread(test_error).mean
        band = panel.axhspan(
            middle - bars[0], middle + bars[1], color=style.GREY, alpha=0.13, lw=0, zorder=0
        )
        handles["the baseline's bar"] = band
    verdict = verdict_of(rows, dataset)
    if verdict is not None:
        _rings(panel, verdict, handles)
    rows = [row for point in points for row in point.rows]
    panel.set_xlabel("parameters")
    style.logarithmic(panel.xaxis, [row["parameters"] for row in rows])
    label = error_label(rows, "test")
    low, high = panel.get_ylim()
    if low > _CROWDED * high:
        # From 0, all nets would be on one line.
        label += "\n(the axis does not begin at 0)"
    else:
        panel.set_ylim(bottom=0)
    panel.set_ylabel(label)
    style.heading(figure, heading)
    samples = f"{rows[0]['test_samples']:,} test samples"
    title = "\n".join([*seeds_sentence(points).split(", "), samples])
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside right upper",
        title=title,
        title_fontsize=8,
        alignment="left",
    )
    style.save(figure, path, heading)


def _draw(panel, point: Point, handles: dict) -> None:
    size, error = point.spread(lambda row: row["parameters"]), point.spread(test_error)
    if size is None or error is None:
        return
    stage, method = point.series
    control = style.is_control(stage, method)
    drawn = panel.errorbar(
        size.mean,
        error.mean,
        yerr=error_bars([point]),
        color=style.colour(stage),
        marker=style.marker(stage, method),
        markersize=11 if stage == BASELINE else 6,
        markerfacecolor="white" if control else style.colour(stage),
        ls="none",
        elinewidth=0.7,
        capsize=1.5,
        zorder=5 if stage == BASELINE else 3,
    )
    for bar in drawn.lines[2]:
        bar.set_alpha(0.35)
    handles.setdefault(style.series_label(stage, method), drawn.lines[0])


def _rings(panel, verdict: Verdict, handles: dict) -> None:
    """One ring per choice; wider if there is already another ring."""
    sizes: dict[str, float] = {}
    for choice, colour in zip(verdict.choices, _RINGS, strict=False):
        if choice.candidate is None:
            continue
        name = choice.candidate.name
        sizes[name] = sizes.get(name, 9.5) + 4.5
        error = choice.candidate.quality("test")
        if choice.candidate.classifies:
            error = 100 - error
        (ring,) = panel.plot(
            choice.candidate.size()[0],
            error,
            "o",
            ms=sizes[name],
            mfc="none",
            mec=colour,
            mew=1.8,
            ls="none",
            zorder=6,
        )
        handles[f"{choice.name}:\n{name}"] = ring
