"""Figures: learning curves with the sparsity that the pruning schedule had reached."""

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.collections import LineCollection

from nasturtium.records.runs import Run
from nasturtium.report import style
from nasturtium.report.points import error, error_label, spread_of

# Lines of a panel beyond which more are a smear; evenly chosen trials are drawn then.
_MOST_TRIALS = 120

Tables = Mapping[str, Sequence[Sequence[Mapping]]]
"""Name of a run to its ``training.parquet``, one a seed."""


@style.house_style
def draw_learning(
    tables: Tables, stages: Sequence[str], title: str, path: str | os.PathLike
) -> None:
    """Validation error over the epochs above, sparsity below; one column per stage and method.

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
    pruned = [_is_pruned(e for n in names for e in tables[n]) for names in columns.values()]
    figure, axes = _axes(pruned)
    counts = set()
    for (above, below), (label, names) in zip(axes, columns.items(), strict=True):
        above.set_title(label)
        handles = {}
        for name in sorted(names, key=lambda name: Run("", 0, name).ratio or 0):
            ratio = Run("", 0, name).ratio
            colour = style.BLACK if ratio is None else style.ratio_colour(ratio)
            seeds = tables[name]
            counts.add(len(seeds))
            line = _mean_line(above, [_errors(seed) for seed in seeds], colour)
            _kept(above, seeds, colour)
            if below is not None:
                _mean_line(below, [_sparsity(seed) for seed in seeds], colour)
            handles["" if ratio is None else f"{ratio:g}"] = line
        if len(handles) > 1:
            shown = _thinned(list(handles), 8)
            above.legend([handles[key] for key in shown], shown, title="ratio", title_fontsize=8)
    _label_axes(axes, next(iter(tables.values()))[0])
    n = "/".join(map(str, sorted(counts)))
    spread = "seeds (mean; band: lowest to highest)" if max(counts) > 1 else "seed"
    style.heading(figure, f"{title}; n = {n} {spread}; dot: kept epoch")
    style.save(figure, path, title)


@style.house_style
def draw_trial_learning(tables: Tables, best: Mapping[str, str], title: str, path) -> None:
    """The same for searches: one line per trial, coloured by its number; the exported one in red.

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
    figure, axes = _axes([_is_pruned(seeds) for seeds in tables.values()])
    for (above, below), (name, (epochs,)) in zip(axes, tables.items(), strict=True):
        trials: dict[str, list[Mapping]] = {}
        for row in epochs:
            trials.setdefault(row["trial"], []).append(row)
        shown = _thinned(list(trials), _MOST_TRIALS)
        above.set_title(f"{name}\n{len(shown)} of {len(trials)} trials")
        numbers = {trial: number for number, trial in enumerate(trials)}
        mapped = _bundle(above, [(numbers[t], _errors(trials[t])) for t in shown], len(trials))
        if below is not None:
            _bundle(below, [(numbers[t], _sparsity(trials[t])) for t in shown], len(trials))
        if best.get(name) in trials:
            chosen = trials[best[name]]
            (line,) = above.plot(_errors(chosen), color="#D55E00", lw=2.2)
            if below is not None:
                below.plot(_sparsity(chosen), color="#D55E00", lw=2.2)
            above.legend([line], ["exported trial"])
        panels = [above] if below is None else [above, below]
        bar = figure.colorbar(mapped, ax=panels, label="number of the trial", aspect=40)
        style.whole_numbers(bar.ax.yaxis)
    _label_axes(axes, next(iter(tables.values()))[0])
    style.heading(figure, f"{title}; n = 1 seed")
    style.save(figure, path, title)


def _is_pruned(tables: Iterable[Sequence[Mapping]]) -> bool:
    return any(value is not None for epochs in tables for value in _sparsity(epochs))


def _axes(pruned: Sequence[bool]):
    """A figure, and for each column its panels of error and of sparsity, None if not pruned."""
    columns, lines = len(pruned), 2 if any(pruned) else 1
    figure, axes = style.new_figure(
        lines,
        columns,
        max(6.0, 3.6 * columns),
        5.6 if lines == 2 else 3.8,
        sharex="col",
        sharey="row",
        height_ratios=[2, 1][:lines],
    )
    pairs = []
    for number, has_sparsity in enumerate(pruned):
        if lines == 2 and not has_sparsity:
            axes[1, number].remove()
            axes[0, number].tick_params(labelbottom=True)
        pairs.append((axes[0, number], axes[1, number] if has_sparsity else None))
    return figure, pairs


def _label_axes(axes: Sequence[tuple], epochs: Sequence[Mapping]) -> None:
    axes[0][0].set_ylabel(error_label(epochs, "validation"))
    values = [
        v for above, _ in axes for line in above.lines for v in np.atleast_1d(line.get_ydata())
    ]
    style.logarithmic(axes[0][0].yaxis, [v for v in values if np.isfinite(v)])
    first = next((below for _, below in axes if below is not None), None)
    if first is not None:
        first.set_ylabel("sparsity (share of\nprunable weights)")
        first.set_ylim(-0.05, 1.05)
        first.tick_params(labelleft=True)
    for above, below in axes:
        lowest = above if below is None else below
        lowest.set_xlabel("epoch")
        style.whole_numbers(lowest.xaxis)


def _errors(epochs: Sequence[Mapping]) -> list[float]:
    """Validation error by epoch; NaN, a gap in the line, if it diverged."""
    return [np.nan if (v := error(row, "validation")) is None else v for row in epochs]


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
        errors = _errors(epochs)
        for row, height in zip(epochs, errors, strict=True):
            if row["selected"]:
                panel.plot(row["epoch"], height, "o", color=colour, ms=4, mec="white", mew=0.5)


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
