"""What a search has found: the front, its hypervolume, the best trial, and the models to keep.

All of it follows from the rows of ``trials.parquet`` alone, so that it can be said again of rows
that several processes recorded.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from nasturtium.search.pareto import hypervolume, pareto_front


def mark_front(rows: Sequence[dict]) -> None:
    """Say of each row whether it is on the front of validation loss and parameters."""
    completed = _completed(rows)
    front = pareto_front([(row["validation_loss"], row["parameters"]) for row in completed])
    for row, on_front in zip(completed, front, strict=True):
        row["on_pareto_front"] = on_front


def mark_best(rows: Sequence[dict]) -> dict | None:
    """Mark and return the row with the lowest score that keeps to the constraints, if any."""
    best = min((row for row in _completed(rows) if row["feasible"]), key=_order, default=None)
    if best is not None:
        best["best"] = True
    return best


def covered(rows: Sequence[Mapping]) -> float:
    """The hypervolume of the rows, from the reference point that each of them names."""
    points = [_logarithms(row["validation_loss"], row["parameters"]) for row in _completed(rows)]
    corner = [rows[0][f"hypervolume_reference_{name}"] for name in ("loss", "parameters")]
    return hypervolume(points, _logarithms(*corner))


def remove_models(rows: Sequence[dict], keep: int) -> None:
    """Remove models that are neither on the front nor among the ``keep`` best.

    Those can't come back, however many trials follow: a dominated point stays so, and others only
    get better. So any process may do it that knows some of the rows, marked by :func:`mark_front`.
    """
    completed = _completed(rows)
    kept = {row["trial"] for row in sorted(completed, key=_order)[:keep]}
    for row in completed:
        if not row["on_pareto_front"] and row["trial"] not in kept and row.get("model_path"):
            Path(row["model_path"]).unlink(missing_ok=True)
            row["model_path"] = None


def _completed(rows: Sequence[dict]) -> list[dict]:
    return [row for row in rows if row["status"] == "completed"]


def _order(row: Mapping) -> tuple[bool, float, str]:
    # By name where scores are equal: each of several workers has to keep the same ones.
    return (not row["feasible"], row["score"], row["trial"])


def _logarithms(loss: float, parameters: float) -> tuple[float, float]:
    # A loss of exactly zero would make the logarithm infinite.
    return math.log(max(loss, 1e-12)), math.log(parameters)
