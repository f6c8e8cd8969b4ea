"""Each run's change relative to the baseline of its data set and seed, sample by sample."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.errors import RecordError
from nasturtium.records.runs import BASELINE
from nasturtium.statistics.intervals import (
    Interval,
    accuracy_difference,
    mean_difference,
    rmse_difference,
)

Answers = Mapping[str, np.ndarray]
"""Columns of a ``predictions.parquet``."""

# Columns of the validation split begin with its name; those of the test split do not.
_SPLITS = {"test": "", "validation": "validation_"}


def with_changes(rows: Sequence[Mapping], answers: Sequence[Answers]) -> list[dict]:
    """The rows, each with the change of its errors relative to the baseline's, and 95 % interval.

    Both nets predicted the same samples, so the interval is that of a paired difference
    (:mod:`nasturtium.statistics.intervals`). The baseline itself has none.

    Parameters
    ----------
    answers
        Predictions of each of ``rows``, requested one at a time, so that they can be read on
        demand.

    Raises
    ------
    RecordError
        A run and its baseline have different samples.
    """
    baselines = {
        (row["dataset"], row["seed"]): number
        for number, row in enumerate(rows)
        if row["run"] == BASELINE
    }
    changed: list[dict] = [dict(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (rows[i]["dataset"], rows[i]["seed"]))
    latest, reference = None, None
    for number in order:
        row = rows[number]
        place = baselines.get((row["dataset"], row["seed"]))
        if place is None or place == number:
            continue
        if place != latest:
            latest, reference = place, answers[place]
        changed[number].update(_changes(row, answers[number], reference))
    return changed


def _changes(row: Mapping, own: Answers, reference: Answers) -> dict[str, object]:
    figures: dict[str, object] = {}
    for split, prefix in _SPLITS.items():
        pair = [_of_split(answers, split) for answers in (own, reference)]
        if not np.array_equal(pair[0]["index"], pair[1]["index"]):
            place = f"results/{row['dataset']}/seed{row['seed']}"
            raise RecordError(
                f"{place}/{row['run']}/predictions.parquet: has other {split} samples than "
                f"{place}/baseline/predictions.parquet, so they belong to different splits; remove "
                "both, and run the same command again."
            )
        if len(pair[0]["index"]):
            change = _change(row["task"], *pair)
            figures |= {f"{prefix}{name}": value for name, value in change.items()}
    # Only for the test split: runs that the validation split can't tell apart may still be chosen.
    figures.pop("validation_differs_from_baseline", None)
    return figures


def _of_split(answers: Answers, split: str) -> Answers:
    chosen = answers["split"] == split
    return {name: values[chosen] for name, values in answers.items()}


def _change(task: str, own: Answers, reference: Answers) -> dict[str, object]:
    pair = (own, reference)
    if task == "classification":
        interval = accuracy_difference(*(a["target"] == a["prediction"] for a in pair))
        figures = _figures("accuracy_change", interval, unit="_points", factor=100)
    else:
        errors = [a["prediction"] - a["target"] for a in pair]
        interval = mean_difference(*(np.abs(e) for e in errors))
        figures = _figures("mae_change", interval)
        figures |= _figures("rmse_change", rmse_difference(*errors))
    known = math.isfinite(interval.low)
    return {**figures, "differs_from_baseline": not interval.holds_zero if known else None}


def _figures(
    name: str, interval: Interval, unit: str = "", factor: float = 1.0
) -> dict[str, float | None]:
    """Columns of a change; unknown ends, with a single sample, are null."""
    ends = {"": interval.estimate, "_low": interval.low, "_high": interval.high}
    return {
        f"{name}{end}{unit}": factor * value if math.isfinite(value) else None
        for end, value in ends.items()
    }
