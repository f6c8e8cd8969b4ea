"""One rung of one trial: its net is trained on from where the last rung left it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.training.checkpoint import Checkpoint
from nasturtium.training.fit import Trained, fit
from nasturtium.training.pruned_fit import pruned_fit


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
    """Train ``model`` to the end of ``rung``; what became of it, and its epochs.

    A net that is to be pruned is trained dense before the last rung, and pruned in its epochs: a
    schedule of pruning has to come to its end before a net can be judged by it.

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
    # With one rung only a trial may bring its own epochs, those of Hyperband.
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
    """``trained`` with its epochs counted on from ``first``."""
    if first:
        for row in trained.epochs:
            row["epoch"] += first
    return Trained(
        trained.epochs, trained.best_epoch + first, trained.validation_loss, trained.best
    )
