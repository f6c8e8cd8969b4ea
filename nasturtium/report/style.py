"""The style of all figures: colours, markers, and saving with reproducible bytes."""

import os
import textwrap
from itertools import cycle

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from nasturtium.pruning import methods
from nasturtium.pruning.methods import METHODS
from nasturtium.records.atomic import atomic_path

# Colours that people with any of the three dichromacies can distinguish (Okabe and Ito 2008, "Color
# Universal Design"); markers serve for print without colour.
BLACK, GREY = "#000000", "#767676"
STAGES = {
    "baseline": "#000000",
    "pruned": "#D55E00",
    "nas": "#0072B2",
    "nas_pruned": "#56B4E9",
    "nas_with_pruning": "#009E73",
    "retrained": "#CC79A7",
    "retrained_pruned": "#CC79A7",
    "quantised": "#B8860B",
    "pruned_quantised": "#B8860B",
    "nas_quantised": "#B8860B",
    "nas_with_pruning_quantised": "#B8860B",
    "baseline_longer": GREY,
    "scratch": GREY,
    "random_search": GREY,
    "baseline_best_of_k": GREY,
    "scaled": GREY,
}
CONTROLS = ("baseline_longer", "scratch", "random_search", "baseline_best_of_k", "scaled")
MARKERS = {
    "baseline": "*",
    "baseline_longer": "o",
    "nas": "D",
    "nas_with_pruning": "P",
    "random_search": "D",
    "baseline_best_of_k": "*",
    "scaled": "X",
}
MARKERS |= {"quantised": "*", "nas_quantised": "D", "nas_with_pruning_quantised": "P"}
_RESULTS = [name for name, method in METHODS.items() if not method.is_control]
_METHODS = {
    **dict(zip(_RESULTS, cycle("s^<>hp"))),
    **dict(zip((name for name in METHODS if name not in _RESULTS), cycle("x+"))),
}
SEQUENCE = "viridis"
"""Colour map for ordered values: trials, ratios."""

_LOOK = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 9,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.3,
    "svg.fonttype": "path",
    "svg.hashsalt": "nasturtium",  # otherwise the identifiers inside an SVG are random
}


house_style = matplotlib.rc_context(_LOOK)
"""Decorator of a drawing function. It avoids pyplot, which would need a display."""


def new_figure(rows: int, columns: int, width: float, height: float, **options):
    """A figure and its axes as a 2-D array; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


@house_style
def save(figure: Figure, path: str | os.PathLike, title: str) -> None:
    """Write ``figure`` as SVG, atomically and without a date."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Title": title})


@house_style
def save_sentence(sentence: str, path: str | os.PathLike, title: str) -> None:
    """Write a figure with one sentence that says why there is nothing to draw."""
    lines = textwrap.wrap(sentence, 100)
    height = 0.22 * len(lines) + 0.5
    figure = Figure(figsize=(8, height))
    figure.text(0.01, 1 - 0.12 / height, title, fontsize=11, va="top")
    figure.text(0.01, 0.1 / height, "\n".join(lines), va="bottom")
    save(figure, path, title)


def heading(figure: Figure, text: str) -> None:
    """The figure's title, left-aligned as on a page."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=11)


def colour(stage: str) -> str:
    """Colour of a stage; grey for a control or an unknown stage."""
    return STAGES.get(stage, GREY)


def marker(stage: str, method: str | None) -> str:
    """Marker of a pruning method, or of a stage without one."""
    return _METHODS.get(method, "v") if method else MARKERS.get(stage, "o")


def is_control(stage: str, method: str | None) -> bool:
    """Whether runs of this stage and method only serve as a comparison."""
    return stage in CONTROLS or methods.is_control(method)


def series_label(stage: str, method: str | None) -> str:
    """Name of a series in a legend."""
    name = stage if method is None else f"{stage}, {method}"
    return f"{name} (control)" if is_control(stage, method) else name


def ratio_colour(ratio: float):
    """Colour of a pruning ratio, without the map's lightest end, which is invisible on paper."""
    return matplotlib.colormaps[SEQUENCE](0.9 * (1 - ratio))


def logarithmic(axis, values) -> None:
    """Make ``axis`` (an XAxis or YAxis) logarithmic if positive values span a factor of 5.

    In both cases its numbers are written out, and few enough to fit side by side.
    """
    values = [value for value in values if value is not None]
    written_out = FuncFormatter(lambda value, _: f"{value:,.15g}")
    if not values or min(values) <= 0 or max(values) / min(values) < 5:
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(written_out)
        return
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    span = max(values) / min(values)
    steps = (1, 2, 3, 5, 7) if span < 10 else (1, 2, 5) if span < 60 else (1, 3)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(written_out)
    axis.set_minor_formatter(NullFormatter())


def whole_numbers(axis) -> None:
    """Ticks only at whole numbers, for epochs and trials."""
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def share_legend(figure: Figure, handles: dict, columns: int, title: str | None = None) -> None:
    """One legend below all axes, from label to handle."""
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=columns,
        title=title,
        title_fontsize=8,
    )
