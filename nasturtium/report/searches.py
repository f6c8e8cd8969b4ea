"""Figures of a search: its progress over the trials, and its trials in error and size."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.report import style
from nasturtium.report.points import error, error_label
from nasturtium.statistics.pareto import front_line

Tables = Mapping[str, Sequence[Sequence[Mapping]]]
"""Name of a search to its ``trials.parquet``, one per seed."""

_SEED_MARKERS = "oDs^vPX"


@style.house_style
def draw_progress(tables: Tables, title: str, path: str | os.PathLike) -> None:
    """Score above and hypervolume below, over the trials; a column per search, a line per seed."""
    if not tables:
        style.save_sentence("The study has no search.", path, title)
        return
    figure, axes = style.new_figure(
        2, len(tables), max(7.0, 4.2 * len(tables)), 6, sharex="col", sharey="row"
    )
    for (above, below), (name, seeds) in zip(axes.T, tables.items(), strict=True):
        statuses = [row["status"] for trials in seeds for row in trials]
        failed, skipped = statuses.count("failed"), statuses.count("skipped")
        too_large = f", {skipped} too large" if skipped else ""
        counted = f"{len(statuses) - skipped} trials, {failed} failed{too_large}"
        above.set_title(f"{name}\n{counted}, {_seeds(seeds)}")
        for number, trials in enumerate(seeds):
            _scores(above, trials, style.colour(_stage(name)), named=number == 0)
            _hypervolume(below, trials, style.colour(_stage(name)))
        if not below.lines:
            text = "no hypervolume in trials.parquet"
            below.text(0.5, 0.5, text, ha="center", transform=below.transAxes)
        terms = sorted({t for trials in seeds for row in trials for t in row["score_terms"]})
        style.whole_numbers(below.xaxis)
        below.set_xlabel(f"number of the trial\nscore of: {', '.join(terms)}", fontsize=8)
    for number, panel in enumerate(axes[0]):
        # Otherwise the axis might not include the baseline's line.
        panel.axhline(0, color=style.BLACK, ls=":", lw=1, label="" if number else "baseline: 0")
    axes[0, 0].set_ylabel("score (lower is better)")
    axes[1, 0].set_ylabel("hypervolume of ln loss\nand ln parameters (higher is better)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    style.share_legend(figure, dict(zip(labels, handles, strict=True)), columns=3)
    style.heading(figure, title)
    style.save(figure, path, title)


@style.house_style
def draw_trials(
    tables: Tables, baseline: Mapping | None, title: str, path: str | os.PathLike
) -> None:
    """Every completed trial by parameters and validation error, coloured by its number.

    Parameters
    ----------
    baseline
        Its row of the summary, or None.
    """
    completed = {
        name: [[row for row in trials if row["status"] == "completed"] for trials in seeds]
        for name, seeds in tables.items()
    }
    completed = {name: seeds for name, seeds in completed.items() if any(seeds)}
    if not completed:
        style.save_sentence("No trial was completed.", path, title)
        return
    figure, axes = style.new_figure(
        1, len(completed), max(7.0, 4.6 * len(completed)), 4.6, sharex=True, sharey=True
    )
    everything = [row for seeds in completed.values() for trials in seeds for row in trials]
    for panel, (name, seeds) in zip(axes[0], completed.items(), strict=True):
        _plane(figure, panel, seeds)
        if baseline is not None:
            _baseline(panel, baseline)
        panel.set_title(f"{name}\n{sum(map(len, seeds))} completed trials, {_seeds(seeds)}")
        panel.set_xlabel("parameters")
    axes[0, 0].set_ylabel(error_label(everything, "validation"))
    everything += [] if baseline is None else [baseline]
    style.logarithmic(axes[0, 0].xaxis, [row["parameters"] for row in everything])
    style.logarithmic(axes[0, 0].yaxis, [error(row, "validation") for row in everything])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    style.share_legend(figure, dict(zip(labels, handles, strict=True)), columns=4)
    style.heading(figure, f"{title}; lower left is better; a marker a seed")
    style.save(figure, path, title)


def _seeds(seeds: Sequence) -> str:
    return f"n = {len(seeds)} seed" + ("s" if len(seeds) > 1 else "")


def _stage(name: str) -> str:
    return name.split("-")[0]


def _scores(panel, trials: Sequence[Mapping], colour: str, *, named: bool) -> None:
    scored = [row for row in trials if row["score"] is not None]
    numbers = [row["number"] for row in scored]
    best = np.minimum.accumulate([row["score"] for row in scored]) if scored else []
    names = ("a trial", "best so far", "failed") if named else (None, None, None)
    size = 4 if len(scored) < 100 else 2
    panel.plot(
        numbers, [r["score"] for r in scored], "o", ms=size, color=colour, alpha=0.4, label=names[0]
    )
    panel.step(numbers, best, where="post", color=colour, lw=1.3, label=names[1])
    failed = [row["number"] for row in trials if row["status"] == "failed"]
    if failed:
        # At the panel's lower edge: a failed trial has no score.
        edge = panel.get_xaxis_transform()
        panel.plot(failed, [0.02] * len(failed), "kx", ms=4, transform=edge, label=names[2])


def _hypervolume(panel, trials: Sequence[Mapping], colour: str) -> None:
    known = [row for row in trials if row.get("hypervolume") is not None]
    if known:
        numbers = [row["number"] for row in known]
        panel.step(numbers, [row["hypervolume"] for row in known], where="post", color=colour)


def _plane(figure, panel, seeds: Sequence[Sequence[Mapping]]) -> None:
    last = max(row["number"] for trials in seeds for row in trials)
    dots = None
    for seed, trials in enumerate(seeds):
        if not trials:
            continue
        places = [(row["parameters"], error(row, "validation")) for row in trials]
        first = seed == 0
        front = front_line(places)
        panel.step(
            *zip(*front, strict=True),
            where="post",
            color=style.GREY,
            lw=3,
            alpha=0.3,
            zorder=1,
            label="front of a seed's trials" if first else None,
        )
        dots = panel.scatter(
            *zip(*places, strict=True),
            c=[row["number"] for row in trials],
            cmap=style.SEQUENCE,
            vmin=0,
            vmax=max(1, last),
            marker=_SEED_MARKERS[seed % len(_SEED_MARKERS)],
            s=34 if len(trials) < 100 else 14,
            edgecolors="white",
            linewidths=0.4,
            zorder=2,
        )
        best = [(row["parameters"], error(row, "validation")) for row in trials if row["best"]]
        panel.plot(
            *zip(*best, strict=True),
            "o",
            ms=12,
            mfc="none",
            mec="#D55E00",
            mew=1.8,
            ls="none",
            label="exported (lowest score)" if first else None,
            zorder=3,
        )
    style.whole_numbers(figure.colorbar(dots, ax=panel, label="number of the trial").ax.yaxis)


def _baseline(panel, row: Mapping) -> None:
    """Lines at its size and validation error, which cross at it."""
    look = {"color": style.BLACK, "ls": ":", "lw": 1}
    panel.axvline(row["parameters"], **look)
    if (height := error(row, "validation")) is not None:
        panel.axhline(height, **look)
        panel.plot(row["parameters"], height, "*", color=style.BLACK, ms=10, label="baseline")
