"""The end of a search: its best trial, its picks and its front, with undamaged models."""

import logging

from nasturtium.errors import DamageError
from nasturtium.search.picks import mark_best, mark_front, mark_picks, remove_models
from nasturtium.search.trials import Trials

logger = logging.getLogger(__name__)


def finish(trials: Trials) -> dict | None:
    """Mark the best trial, the picks and the Pareto front; returns the best row, or None.

    The best trial has the lowest score among those that were trained to the end, satisfy the
    constraints and reach the standard; if there is none, among those that satisfy the constraints.
    If the model of the best trial or of a pick differs from what was recorded, its trial runs
    again. Other rows lose the path of a damaged model.

    Raises
    ------
    DamageError
        A model is damaged just after it was written.
    """
    best = _marked_with_whole_models(trials)
    for path in trials.state.trials.glob("trial_*/rung*.npz"):
        path.unlink()
    return best


def _marked_with_whole_models(trials: Trials) -> dict | None:
    again: set[str] = set()
    while True:
        best = _mark(trials)
        damaged = [
            row for row in trials.rows if row.get("model_path") and not trials.state.has_model(row)
        ]
        wanted = [row for row in damaged if row is best or row["picked_as"]]
        if not wanted:
            break
        for row in wanted:
            if row["trial"] in again:
                raise DamageError(
                    f"{row['model_path']} is damaged right after it was written; check the disk, "
                    "and run the same command again."
                )
            again.add(row["trial"])
            logger.warning("%s is damaged or gone.", row["model_path"])
            trials.attempt(trials.run_anew, row, row["rung"])
    for row in damaged:
        logger.warning("%s is damaged or gone, and its row no longer names it.", row["model_path"])
        row["model_path"] = None
    return best


def _mark(trials: Trials) -> dict | None:
    rows, standard = trials.rows, trials.judge.standard
    rung = _finalist_rung(rows)
    mark_front(rows)
    remove_models(rows, trials.keep, rung)
    mark_picks(rows, trials.reference, standard, rung)
    for row in rows:
        row["best"] = False
    return mark_best(rows, standard, rung)


def _finalist_rung(rows: list[dict]) -> int:
    """The last rung that any trial completed."""
    done = [row["rung"] for row in rows if row["status"] == "completed"]
    return max(done, default=0)
