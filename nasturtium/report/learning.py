"""Figures: learning curves with the sparsity that the pruning schedule had reached."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.collections import LineCollection

from nasturtium.records.runs import Run
from nasturtium.report import style
from nasturtium.report.points import spread_of

# Lines of a panel beyond which more are a smear; evenly chosen trials are drawn then.
_MOST_TRIALS = 120

Tables = Mapping[str, Sequence[Sequence[Mapping]]]
"""Name of a run to its ``training.parquet``, one a seed."""


@style.house_style
def draw_learning(
    tables: Tables, stages: Sequence[str], title: str, path: str | os.PathLike
) -> None:
    """Validation error over the epochs above, sparsity below; a column a stage and method.

    Several seeds are drawn as their mean with a band from the lowest to the highest; the dot is
    the epoch whose weights were kept.
    """
    columns: dict[str, list[str]] = {}
    for name in tables:
        run = Run("", 0, name)
        if run.stage in stages:
            label = run.stage if run.method is None else f"{run.stage}, {run.method}"
            columns.setdefault(label, []).append(name)
    if not columns:
        style.save_sentence("The study has no such run.", path, title)
        return
    figure, axes = _axes(len(columns))
    counts = set()
    for (above, below), (label, names) in zip(axes.T, columns.items(), strict=True):
        above.set_title(label)
        handles = {}
        for name in sorted(names, key=lambda name: Run("", 0, name).ratio or 0):
            ratio = Run("", 0, name).ratio
            colour = style.BLACK if ratio is None else style.ratio_colour(ratio)
            seeds = tables[name]
            counts.add(len(seeds))
            line = _mean_line(above, [_error(seed) for seed in seeds], colour)
            _kept(above, seeds, colour)
            _mean_line(below, [_sparsity(seed) for seed in seeds], colour)
            handles["" if ratio is None else f"{ratio:g}"] = line
        if len(handles) > 1:
            shown = _thinned(list(handles), 8)
            above.legend([handles[key] for key in shown], shown, title="ratio", title_fontsize=8)
        if not below.lines:
            below.text(0.5, 0.5, "not pruned", ha="center", transform=below.transAxes)
    _label(axes, next(iter(tables.values()))[0])
    n = "/".join(map(str, sorted(counts)))
    spread = "seeds (mean; band: lowest to highest)" if max(counts) > 1 else "seed"
    style.heading(figure, f"{title}; n = {n} {spread}; dot: kept epoch")
    style.save(figure, path, title)


@style.house_style
def draw_trial_learning(tables: Tables, best: Mapping[str, str], title: str, path) -> None:
    """The same for searches: a line a trial, coloured by its number; the exported one in red.

    Parameters
    ----------
    tables
        Of the first seed alone.
    best
        Name of a search to the name of its exported trial.
    """
    if not tables:
        style.save_sentence("The study has no search.", path, title)
        return
    figure, axes = _axes(len(tables))
    for (above, below), (name, (epochs,)) in zip(axes.T, tables.items(), strict=True):
        trials: dict[str, list[Mapping]] = {}
        for row in epochs:
            trials.setdefault(row["trial"], []).append(row)
        shown = _thinned(list(trials), _MOST_TRIALS)
        above.set_title(f"{name}\n{len(shown)} of {len(trials)} trials")
        numbers = {trial: number for number, trial in enumerate(trials)}
        mapped = _bundle(above, [(numbers[t], _error(trials[t])) for t in shown], len(trials))
        _bundle(below, [(numbers[t], _sparsity(trials[t])) for t in shown], len(trials))
        if best.get(name) in trials:
            chosen = trials[best[name]]
            (line,) = above.plot(_error(chosen), color="#D55E00", lw=2.2)
            below.plot(_sparsity(chosen), color="#D55E00", lw=2.2)
            above.legend([line], ["exported trial"])
        if not any(value is not None for t in shown for value in _sparsity(trials[t])):
            below.text(0.5, 0.5, "not pruned", ha="center", transform=below.transAxes)
        bar = figure.colorbar(mapped, ax=[above, below], label="number of the trial", aspect=40)
        style.whole_numbers(bar.ax.yaxis)
    _label(axes, next(iter(tables.values()))[0])
    style.heading(figure, f"{title}; n = 1 seed")
    style.save(figure, path, title)


def _axes(columns: int):
    return style.new_figure(
        2,
        columns,
        max(6.0, 3.6 * columns),
        5.6,
        sharex="col",
        sharey="row",
        height_ratios=[2, 1],
    )


def _label(axes, epochs: Sequence[Mapping]) -> None:
    task = "validation error (%)" if _classifies(epochs) else "validation MAE (target's unit)"
    axes[0, 0].set_ylabel(task)
    axes[1, 0].set_ylabel("sparsity (share of\nprunable weights)")
    axes[1, 0].set_ylim(-0.05, 1.05)
    values = [v for axis in axes[0] for line in axis.lines for v in np.atleast_1d(line.get_ydata())]
    style.logarithmic(axes[0, 0].yaxis, [v for v in values if np.isfinite(v)])
    for panel in axes[1]:
        panel.set_xlabel("epoch")
        style.whole_numbers(panel.xaxis)


def _classifies(epochs: Sequence[Mapping]) -> bool:
    return any(row["validation_accuracy"] is not None for row in epochs)


def _error(epochs: Sequence[Mapping]) -> list[float]:
    """Validation error by epoch; NaN, which leaves a gap in the line, where it diverged."""
    if _classifies(epochs):
        values = [row["validation_accuracy"] for row in epochs]
        return [np.nan if value is None else 100 * (1 - value) for value in values]
    return [np.nan if (v := row["validation_mae"]) is None else v for row in epochs]


def _sparsity(epochs: Sequence[Mapping]) -> list[float | None]:
    return [row["sparsity"] for row in epochs]


def _mean_line(panel, seeds: Sequence[Sequence[float | None]], colour):
    length = min(map(len, seeds))
    spreads = [spread_of([seed[i] for seed in seeds]) for i in range(length)]
    if all(spread is None for spread in spreads):
        return None
    means = [np.nan if spread is None else spread.mean for spread in spreads]
    if len(seeds) > 1:
        values = np.array([[np.nan if v is None else v for v in seed[:length]] for seed in seeds])
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
        panel.fill_between(range(length), low, high, color=colour, alpha=0.08, lw=0)
    (line,) = panel.plot(range(length), means, color=colour)
    return line


def _kept(panel, seeds: Sequence[Sequence[Mapping]], colour) -> None:
    for epochs in seeds:
        errors = _error(epochs)
        for row, error in zip(epochs, errors, strict=True):
            if row["selected"]:
                panel.plot(row["epoch"], error, "o", color=colour, ms=4, mec="white", mew=0.5)


def _bundle(panel, lines: Sequence[tuple[int, Sequence]], total: int):
    segments = [
        [(epoch, np.nan if v is None else v) for epoch, v in enumerate(values)]
        for _, values in lines
    ]
    bundle = LineCollection(segments, cmap=style.SEQUENCE, lw=0.8, alpha=0.7)
    bundle.set_array(np.array([number for number, _ in lines]))
    bundle.set_clim(0, max(1, total - 1))
    panel.add_collection(bundle)
    panel.autoscale_view()
    return bundle


def _thinned(items: list, most: int) -> list:
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]
