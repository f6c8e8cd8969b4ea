"""One trial: its row, and one rung of its training, which continues that of the last rung."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.models.search_space import LEARNING_RATE, PRUNING_RATIO
from nasturtium.search.judge import Judge
from nasturtium.training.checkpoint import Checkpoint
from nasturtium.training.fit import Trained, fit
from nasturtium.training.pruned_fit import pruned_fit

# The hypervolume's reference point is this multiple of the baseline's loss and parameters.
REFERENCE_FACTOR = 10.0
# KerasTuner's name for the epochs that Hyperband gives a trial.
_HYPERBAND_EPOCHS = "tuner/epochs"


def begun_row(
    number: int,
    name: str,
    values: Mapping,
    *,
    judge: Judge,
    epochs: int,
    batch_size: int,
    pruning_method: str | None,
) -> dict:
    """The row of a new trial, with the columns of ``trials.parquet``.

    Parameters
    ----------
    values
        Hyperparameters.
    epochs
        Of the first rung; Hyperband sets its own.
    pruning_method
        None for a search without pruning.
    """
    objective, reference = judge.objective, judge.reference
    return {
        "trial": name,
        "number": number,
        "status": "failed",
        "rung": 0,
        "score_terms": sorted(objective.weights),
        "dropped_terms": [f"{term}: {why}" for term, why in sorted(objective.dropped.items())],
        "hyperparameters": json.dumps(values, sort_keys=True),
        "learning_rate": values[LEARNING_RATE],
        "pruning_method": pruning_method,
        "pruning_ratio": values[PRUNING_RATIO] if pruning_method else None,
        "batch_size": batch_size,
        "epochs": values.get(_HYPERBAND_EPOCHS, epochs),
        "duration_s": 0.0,
        "best": False,
        "on_pareto_front": False,
        "hypervolume_reference_loss": REFERENCE_FACTOR * reference["validation_loss"],
        "hypervolume_reference_parameters": REFERENCE_FACTOR * reference["parameters"],
    }


def train_rung(
    model: keras.Model,
    data: TrainingData,
    recipe: Mapping,
    row: dict,
    rungs: Sequence[int],
    rung: int,
    *,
    pruning: Mapping | None,
    seed: int,
    label: str,
    checkpoint: Callable[[int], Path],
) -> tuple[keras.Model, Trained]:
    """Train ``model`` to the end of ``rung``; returns the trained model and its epochs.

    A net that is to be pruned is trained dense before the last rung, and is pruned in the epochs of
    the last rung, since it can only be judged after its pruning schedule has ended.

    Parameters
    ----------
    recipe
        How a net is trained to the end of the last rung.
    row
        The trial's row of ``trials.parquet``, whose ``epochs`` and pruning facts are filled in.
    rungs
        Epochs at the end of each rung.
    checkpoint
        File of the training's state at the end of a rung.
    """
    last = rung == len(rungs) - 1
    # Only with one rung may a trial have its own number of epochs, set by Hyperband.
    until = rungs[rung] if len(rungs) > 1 else row["epochs"]
    whole = rungs[-1] if len(rungs) > 1 else until
    begin = checkpoint(rung - 1) if rung else None
    recipe = {**recipe, "epochs": whole, "learning_rate": row["learning_rate"]}
    common = {"seed": seed, "label": label, "trial": row["trial"]}
    row["epochs"] = until
    if not (pruning and last):
        end = None if last else checkpoint(rung)
        return model, fit(model, data, recipe, until=until, begin=begin, end=end, **common)
    if begin is not None:
        model.set_weights(list(Checkpoint.read(begin).weights))
        recipe["epochs"] = until - rungs[rung - 1]
    trained, pruned = pruned_fit(
        model,
        data,
        recipe,
        method=row["pruning_method"],
        ratio=row["pruning_ratio"],
        pruning=pruning,
        **common,
    )
    row.update(pruned.facts)
    return pruned.model, _shifted(trained, until - recipe["epochs"])


def _shifted(trained: Trained, first: int) -> Trained:
    """``trained`` with its epochs counted from ``first``."""
    if first:
        for row in trained.epochs:
            row["epoch"] += first
    return Trained(
        trained.epochs, trained.best_epoch + first, trained.validation_loss, trained.best
    )


def progress_text(row: Mapping, done: int, total: int, left_s: float) -> str:
    """The outcome of a trial's rung in one line.

    Parameters
    ----------
    done, total
        Number of trials so far, and in total.
    left_s
        Seconds that the first rungs will still take.
    """
    if row["status"] == "completed":
        loss = row["validation_loss"]
        outcome = f"score {row['score']:.3f}, loss {loss:.4g}, {row['parameters']:,} parameters"
        if row["shortfall"]:
            outcome += ", short of the tolerance"
    else:
        outcome = f"{row['status']}: {row.get('reason', 'interrupted')}"
    place = f"{done} of {total}" if row["rung"] == 0 else "promoted"
    left = "" if row["rung"] else f", about {math.ceil(left_s)} s left"
    return (
        f"trial {row['trial']} ({place}), {row['epochs']} epochs: {outcome}, "
        f"{row['duration_s']:.1f} s{left}"
    )
