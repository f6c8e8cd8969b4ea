"""Rows of the summary as points: one per run, with mean and spread over the seeds."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nasturtium.records.runs import Run


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of ``n`` values; the latter is None for a single one."""

    mean: float
    deviation: float | None
    n: int


@dataclass(frozen=True)
class Point:
    """A run of one data set over all its seeds."""

    name: str
    rows: tuple[Mapping, ...]

    @property
    def run(self) -> Run:
        """The run of the first seed."""
        return Run(self.rows[0]["dataset"], self.rows[0]["seed"], self.name)

    @property
    def series(self) -> tuple[str, str | None]:
        """Stage and method: runs of one series differ by ratio or objective only."""
        return self.run.stage, self.run.method

    def spread(self, figure: Callable[[Mapping], float | None]) -> Spread | None:
        """Mean and deviation of ``figure`` over the seeds; None if one lacks it."""
        return spread_of([figure(row) for row in self.rows])


def spread_of(values: Sequence[float | None]) -> Spread | None:
    """Mean and sample standard deviation, or None if a value is missing."""
    if not values or any(value is None for value in values):
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation, len(values))


def points_of(rows: Iterable[Mapping], dataset: str) -> list[Point]:
    """The points of ``dataset``, in the order in which its runs first appear in the summary."""
    groups: dict[str, list[Mapping]] = {}
    for row in rows:
        if row["dataset"] == dataset:
            groups.setdefault(row["run"], []).append(row)
    return [Point(name, tuple(group)) for name, group in groups.items()]


def error(row: Mapping, split: str) -> float | None:
    """The value on a vertical axis: error in percent, or MAE in the target's unit.

    Parameters
    ----------
    row
        A row of any table with the columns ``{split}_accuracy`` and ``{split}_mae``, one of them
        null.
    split
        ``test``, ``validation`` or ``train``.
    """
    accuracy = row.get(f"{split}_accuracy")
    return row.get(f"{split}_mae") if accuracy is None else 100 * (1 - accuracy)


def error_label(rows: Iterable[Mapping], split: str) -> str:
    """Label of that axis, with its unit if the rows have it."""
    rows = list(rows)
    if any(row.get(f"{split}_accuracy") is not None for row in rows):
        return f"{split} error (%)"
    return f"{split} MAE ({rows[0].get('target_unit') or 'unit of the target'})"


def test_error(row: Mapping) -> float | None:
    """:func:`error` on the test split."""
    return error(row, "test")


def test_error_bars(point: Point) -> tuple[float, float] | None:
    """Length of the test error's bar below and above its mean.

    With one seed the 95 % interval of the figure, with several the sample standard deviation.
    """
    spread = point.spread(test_error)
    if spread is None:
        return None
    if spread.deviation is not None:
        return spread.deviation, spread.deviation
    (row,) = point.rows
    if row["task"] == "classification":
        ends = [row.get(f"test_accuracy_{end}") for end in ("high", "low")]
        ends = [None if end is None else 100 * (1 - end) for end in ends]
    else:
        ends = [row.get(f"test_mae_{end}") for end in ("low", "high")]
    if None in ends:
        return None
    return spread.mean - ends[0], ends[1] - spread.mean


def error_bars(points: Sequence[Point]) -> list[list[float]] | None:
    """Those of several points, in matplotlib's form; None if no point has any."""
    known = [test_error_bars(point) for point in points]
    if not any(known):
        return None
    return [[max(0.0, bars[side]) if bars else 0.0 for bars in known] for side in (0, 1)]


def seeds_sentence(points: Sequence[Point]) -> str:
    """A label with the number of seeds of a point."""
    counts = sorted({len(point.rows) for point in points})
    if counts == [1]:
        return "n = 1 seed, bars: 95 % interval by the test samples"
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean over n = {n} seeds, bars: ± sample standard deviation"
