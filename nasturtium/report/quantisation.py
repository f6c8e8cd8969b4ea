"""The effect of training for int8: an int8 file compared with that of the original net."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.records.runs import Run
from nasturtium.report.changes import Answers
from nasturtium.statistics.intervals import accuracy_difference, mean_difference


def with_gains(rows: Sequence[Mapping], answers: Sequence[Answers]) -> list[dict]:
    """The rows; runs trained for int8 get the change of their int8 file's errors.

    It is paired by sample of the test split, with a 95 % interval. Null if one of the runs has no
    int8 file, or the other was not measured.

    Parameters
    ----------
    answers
        Predictions of each of ``rows``; only those that are needed are requested.
    """
    places = {(row["dataset"], row["seed"], row["run"]): n for n, row in enumerate(rows)}
    found = []
    for number, row in enumerate(rows):
        source = Run(row["dataset"], row["seed"], row["run"]).quantised_from
        before = places.get((row["dataset"], row["seed"], source))
        gain = {}
        if before is not None:
            gain = _gain(row["task"], *(_tested(answers[n]) for n in (number, before)))
        found.append({**row, **gain})
    return found


def sentences(rows: Sequence[Mapping]) -> list[str]:
    """A sentence for each run that was trained for int8: the gain of its int8 file, if any."""
    return [_sentence(row) for row in rows if _source(row) is not None]


def _sentence(row: Mapping) -> str:
    name = f"{row['dataset']}, seed {row['seed']}, {row['run']}"
    classifies = row["task"] == "classification"
    ends = [f"int8_gain{end}{'_points' if classifies else '_mae'}" for end in ("", "_low", "_high")]
    gain, low, high = (row.get(end) for end in ends)
    if gain is None:
        return f"{name}: not known, since one of the two has no int8 file or was not measured."
    form, unit = ("+.2f", " points of accuracy") if classifies else ("+.3g", " of MAE")
    change = f"{gain:{form}}{unit} to the int8 file of {_source(row)}"
    if low is None or high is None:
        return f"{name}: {change}, of too few samples to say more."
    change += f" ({low:{form}} to {high:{form}})"
    if low <= 0 <= high:
        return f"{name}: no gain that can be told: {change}."
    is_gain = (gain > 0) == classifies
    return f"{name}: {'a gain' if is_gain else 'a loss'}: {change}."


def _source(row: Mapping) -> str | None:
    return Run(row["dataset"], row["seed"], row["run"]).quantised_from


def _tested(answers: Answers) -> Answers:
    chosen = answers["split"] == "test"
    return {name: values[chosen] for name, values in answers.items()}


def _gain(task: str, own: Answers, before: Answers) -> dict[str, float | None]:
    """Columns of ``summary.parquet``; accuracy in points, MAE in the target's unit."""
    given = [np.asarray(a["int8_prediction"], np.float64) for a in (own, before)]
    target = np.asarray(own["target"], np.float64)
    if any(len(one) != len(target) or np.isnan(one).any() for one in given):
        return {}
    if task == "classification":
        interval, unit, factor = accuracy_difference(*(g == target for g in given)), "_points", 100
    else:
        interval, unit, factor = mean_difference(*(np.abs(g - target) for g in given)), "_mae", 1
    ends = {"": interval.estimate, "_low": interval.low, "_high": interval.high}
    return {
        f"int8_gain{end}{unit}": factor * value if math.isfinite(value) else None
        for end, value in ends.items()
    }
