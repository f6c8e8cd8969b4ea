"""A training during which the model is pruned; the same for a saved model and for a trial."""

from collections.abc import Mapping

import numpy as np
import tf_keras as keras

from nasturtium.data.batches import training_batches
from nasturtium.data.splits import TrainingData
from nasturtium.pruning.pruner import Pruned
from nasturtium.pruning.start import start_pruning
from nasturtium.training.fit import MOST_STEPS_PER_EXECUTION, Trained, fit, steps_per_epoch

# Number of real samples to verify the compaction, besides random ones.
_VERIFIED_SAMPLES = 256
# Batches over which Taylor importance is summed at each update.
_IMPORTANCE_BATCHES = 8


def pruned_fit(
    model: keras.Model,
    data: TrainingData,
    recipe: Mapping,
    *,
    method: str,
    ratio: float,
    pruning: Mapping,
    seed: int,
    label: str,
    trial: str | None = None,
) -> tuple[Trained, Pruned]:
    """Train ``model`` with ``recipe`` while ``ratio`` of it is pruned; strip, compact and verify.

    Parameters
    ----------
    recipe, seed, label, trial
        See :func:`nasturtium.training.fit.fit`.
    method
        A name in ``nasturtium.pruning.methods.METHODS``.
    pruning
        Section ``pruning`` of the settings.

    Raises
    ------
    PruningError, CompactionError, TrainingError
        See :mod:`nasturtium.pruning.start` and :func:`nasturtium.training.fit.fit`.
    """
    pruner = start_pruning(
        method,
        model,
        ratio,
        pruning,
        epochs=recipe["epochs"],
        steps_per_epoch=steps_per_epoch(data, recipe["batch_size"]),
        seed=seed,
        batches=training_batches(data.train, recipe["batch_size"], seed).take(_IMPORTANCE_BATCHES),
    )
    trained = fit(
        pruner.model,
        data,
        recipe,
        seed=seed,
        label=label,
        trial=trial,
        first_admissible_epoch=pruner.first_admissible_epoch,
        steps_per_execution=min(pruner.steps_per_execution, MOST_STEPS_PER_EXECUTION),
        callbacks=pruner.callbacks,
        sparsity=lambda: pruner.ratio,
    )
    dtype = model.inputs[0].dtype.as_numpy_dtype
    samples = np.asarray(data.train.features[:_VERIFIED_SAMPLES], dtype)
    return trained, pruner.finish(samples)
