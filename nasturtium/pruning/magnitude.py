"""Magnitude pruning by tensorflow-model-optimization, with its silent traps closed.

Zhu and Gupta 2017 (arXiv 1710.01878, equation 1): the sparsity of every layer rises as a cubic
from 0 to the ratio while the model is retrained. Zeros change no tensor's shape.
"""

import math
from dataclasses import dataclass

import numpy as np
import tf_keras as keras

from nasturtium.errors import PruningError
from nasturtium.models.weights import is_prunable, prunable_kernels

# Enough updates for the ramp to be smooth; tfmot's default of one in 100 steps prunes nothing in
# a short training, and says nothing.
_UPDATES = 20
# tfmot counts steps by its callback's calls, one a batch.
STEPS_PER_EXECUTION = 1
# Tied magnitudes and rounding keep tfmot from hitting a ratio exactly in a small layer.
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Plan:
    """When masks are updated, in optimizer steps from the start of the retraining.

    Attributes
    ----------
    end_step
        The step by which the ratio is reached; a multiple of ``frequency``, so that an update
        falls on it.
    frequency
        Steps from one update to the next.
    first_admissible_epoch
        The first epoch that lies wholly after ``end_step``: only its weights, and later ones,
        are as sparse as asked for.
    """

    end_step: int
    frequency: int
    first_admissible_epoch: int


def plan(epochs: int, steps_per_epoch: int, recovery: float) -> Plan:
    """The schedule for a retraining, from its real number of steps.

    Parameters
    ----------
    recovery
        Share of the epochs, at least one, that follow the schedule's end.

    Raises
    ------
    PruningError
        The retraining is too short to prune in and to recover from it.
    """
    recovery_epochs = max(1, round(recovery * epochs))
    available = (epochs - recovery_epochs) * steps_per_epoch
    if available < 2:
        raise PruningError(
            f"A retraining of {epochs} epochs with {recovery_epochs} of recovery leaves "
            f"{max(available, 0)} steps to prune in; raise pruning.epochs or lower "
            "pruning.recovery."
        )
    # tfmot updates where step % frequency == 0, from step == frequency on. One step is held back,
    # since its update of step n runs only when step n + 1 begins.
    frequency = max(1, (available - 1) // _UPDATES)
    end_step = (available - 1) // frequency * frequency
    return Plan(end_step, frequency, first_admissible_epoch=epochs - recovery_epochs)


def wrap(model: keras.Model, ratio: float, schedule: Plan) -> keras.Model:
    """A copy of ``model`` whose prunable layers mask their smallest weights by ``schedule``.

    The copy has weights of its own: tfmot alone would share the variables with ``model`` and
    change it.

    Raises
    ------
    PruningError
        The model has nothing to prune.
    """
    import tensorflow_model_optimization as tfmot

    if not any(is_prunable(layer) for layer in model.layers):
        raise PruningError(f"Model '{model.name}' has no layer to prune; leave it unpruned.")

    class PrunableLayers(tfmot.sparsity.keras.PruningPolicy):
        def allow_pruning(self, layer):
            return is_prunable(layer)

        def ensure_model_supports_pruning(self, model):
            return None

    own = keras.models.clone_model(model)
    own.set_weights(model.get_weights())
    return tfmot.sparsity.keras.prune_low_magnitude(
        own,
        pruning_schedule=tfmot.sparsity.keras.PolynomialDecay(
            initial_sparsity=0.0,
            final_sparsity=ratio,
            begin_step=0,
            end_step=schedule.end_step,
            frequency=schedule.frequency,
        ),
        pruning_policy=PrunableLayers(),
    )


def callbacks() -> list[keras.callbacks.Callback]:
    """What ``fit`` of a wrapped model needs to move the schedule on."""
    import tensorflow_model_optimization as tfmot

    return [tfmot.sparsity.keras.UpdatePruningStep()]


def masked_share(wrapped: keras.Model) -> float:
    """Share of the prunable weights that the masks of a wrapped model hold at zero."""
    masks = [
        mask.numpy()
        for layer in wrapped.layers
        for _, mask, _ in getattr(layer, "pruning_vars", [])
    ]
    return 1 - float(sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks))


def strip(wrapped: keras.Model, ratio: float) -> keras.Model:
    """The plain model of a wrapped and trained one, its masked weights exactly zero.

    Raises
    ------
    PruningError
        A layer has not reached ``ratio`` within 0.01 or one weight.
    """
    import tensorflow_model_optimization as tfmot

    # A mask acts in the forward pass only; the last step may have moved a masked weight.
    for layer in wrapped.layers:
        for weight, mask, _ in getattr(layer, "pruning_vars", []):
            weight.assign(weight * mask)
    stripped = tfmot.sparsity.keras.strip_pruning(wrapped)
    for name, kernel in prunable_kernels(stripped).items():
        reached = 1 - np.count_nonzero(kernel) / kernel.size
        if not math.isclose(reached, ratio, abs_tol=_TOLERANCE + 1 / kernel.size):
            raise PruningError(
                f"Layer '{name}' reached a sparsity of {reached:.3f}, not {ratio:.2f}; raise "
                "pruning.epochs, so that the schedule has more steps."
            )
    return stripped
