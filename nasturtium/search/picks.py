"""The results of a search: the front, its hypervolume, the nets to export, the models to keep.

All of it is calculated from the rows of ``trials.parquet`` alone, so it also works for rows that
several processes recorded.
"""

import heapq
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nasturtium.statistics.pareto import hypervolume, pareto_front

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standard:
    """What an exported net should reach on the validation split.

    Attributes
    ----------
    accuracy
        Least accuracy, of a classification.
    mae
        Largest MAE in the target's unit, of a regression.
    """

    accuracy: float | None = None
    mae: float | None = None

    def is_met(self, row: Mapping) -> bool:
        """Whether the trial reaches it."""
        accuracy, mae = row.get("validation_accuracy"), row.get("validation_mae")
        if self.accuracy is not None:
            return accuracy is not None and accuracy >= self.accuracy
        return self.mae is None or (mae is not None and mae <= self.mae)


def make_standard(reference: Mapping, points: float, share: float) -> Standard:
    """The baseline's accuracy minus ``points`` percentage points, or its MAE plus a ``share``."""
    accuracy, mae = reference.get("validation_accuracy"), reference.get("validation_mae")
    if accuracy is not None:
        return Standard(accuracy=accuracy - points / 100)
    return Standard(mae=mae * (1 + share)) if mae is not None else Standard()


def mark_front(rows: Sequence[dict]) -> None:
    """Mark the rows that are on the front of validation loss and parameters."""
    completed = _completed(rows)
    front = pareto_front([(row["validation_loss"], row["parameters"]) for row in completed])
    for row, on_front in zip(completed, front, strict=True):
        row["on_pareto_front"] = on_front


def mark_best(rows: Sequence[dict], standard: Standard | None, rung: int) -> dict | None:
    """Mark and return the row to export, if any: the lowest score among the good ones.

    Only trials that completed ``rung`` and satisfy the constraints count. Those that meet the
    ``standard`` are preferred; if none does, a warning says so.
    """
    candidates = [row for row in _finalists(rows, rung) if row["feasible"]]
    good = [row for row in candidates if standard is None or standard.is_met(row)]
    if candidates and not good:
        logger.warning(
            "No net of this search comes within the tolerance of the baseline; the one with the "
            "lowest score is exported, and it is worse than the baseline."
        )
    best = min(good or candidates, key=_order, default=None)
    for row in candidates:
        row["meets_standard"] = row in good
    if best is not None:
        best["best"] = True
    return best


def mark_picks(
    rows: Sequence[dict], reference: Mapping, standard: Standard | None, rung: int
) -> None:
    """Mark the picks among the trials that completed ``rung``.

    ``best``: lowest validation loss at no more than the baseline's parameters. ``small``: fewest
    parameters that meet the ``standard``. ``knee``: of the front, the one that lies farthest from
    the line between its ends, in logarithms (Das 1999, Structural Optimization 18, 107-115).
    """
    for row in rows:
        row["picked_as"] = []
    finalists = _finalists(rows, rung)
    affordable = [row for row in finalists if row["parameters"] <= reference["parameters"]]
    if affordable:
        min(affordable, key=lambda row: row["validation_loss"])["picked_as"].append("best")
    good = [row for row in finalists if standard is not None and standard.is_met(row)]
    if good:
        smallest = min(good, key=lambda row: (row["parameters"], row["validation_loss"]))
        smallest["picked_as"].append("small")
    knee = _knee(finalists)
    if knee is not None:
        knee["picked_as"].append("knee")


def covered(rows: Sequence[Mapping]) -> float:
    """The hypervolume of the rows, relative to the reference point that each of them names."""
    points = [_logarithms(row["validation_loss"], row["parameters"]) for row in _completed(rows)]
    corner = [rows[0][f"hypervolume_reference_{name}"] for name in ("loss", "parameters")]
    return hypervolume(points, _logarithms(*corner))


def remove_models(rows: Sequence[dict], keep: int, finalist_rung: int) -> None:
    """Remove models that are neither on the front, nor among the ``keep`` best, nor finalists.

    Such a model is never needed again: a dominated point stays dominated, and later trials can only
    be better. So any process that knows some of the rows, marked by :func:`mark_front`, may do it.
    """
    completed = _completed(rows)
    kept = {row["trial"] for row in heapq.nsmallest(keep, completed, key=_order)}
    # With one rung, all trials are finalists, so this is no reason to keep one.
    kept |= {row["trial"] for row in completed if row["rung"] >= finalist_rung > 0}
    for row in completed:
        if not row["on_pareto_front"] and row["trial"] not in kept and row.get("model_path"):
            Path(row["model_path"]).unlink(missing_ok=True)
            row["model_path"] = None


def _completed(rows: Sequence[dict]) -> list[dict]:
    return [row for row in rows if row["status"] == "completed"]


def _finalists(rows: Sequence[dict], rung: int) -> list[dict]:
    return [row for row in _completed(rows) if row["rung"] == rung and row.get("model_path")]


def _knee(rows: Sequence[dict]) -> dict | None:
    front = pareto_front([(row["validation_loss"], row["parameters"]) for row in rows])
    chosen = [row for row, is_on in zip(rows, front, strict=True) if is_on]
    points = [_logarithms(row["validation_loss"], row["parameters"]) for row in chosen]
    if len(points) < 3:
        return None
    (left, top), (right, bottom) = min(points), max(points)
    if right == left or top == bottom:
        return None

    def below_line(point: tuple[float, float]) -> float:
        return 1 - (point[0] - left) / (right - left) - (point[1] - bottom) / (top - bottom)

    return max(zip(chosen, points, strict=True), key=lambda pair: below_line(pair[1]))[0]


def _order(row: Mapping) -> tuple[bool, float, str]:
    # By name if scores are equal, since all workers have to keep the same ones.
    return (not row["feasible"], row["score"], row["trial"])


def _logarithms(loss: float, parameters: float) -> tuple[float, float]:
    # A loss of exactly zero would make the logarithm infinite.
    return math.log(max(loss, 1e-12)), math.log(parameters)
