"""Magnitude pruning by tensorflow-model-optimization, with its silent traps closed.

Zhu and Gupta 2017 (arXiv 1710.01878, equation 1): the sparsity of every layer rises as a cubic
from 0 to the ratio while the model is retrained. Zeros change no tensor's shape.
"""

import math

import numpy as np
import tf_keras as keras

from nasturtium.errors import PruningError
from nasturtium.models.weights import is_prunable, prunable_kernels
from nasturtium.pruning.schedule import CubicSchedule

# Tied magnitudes and rounding keep tfmot from hitting a ratio exactly in a small layer.
_TOLERANCE = 0.01


class MagnitudePruning:
    """Masks the smallest weights of every prunable layer of a copy of ``model``.

    ``model`` itself is left alone: tfmot would share its variables and change them.

    Parameters
    ----------
    schedule
        Target and steps.

    Attributes
    ----------
    wrapped
        The copy, to be trained with ``callbacks``.

    Raises
    ------
    PruningError
        The model has nothing to prune.
    """

    def __init__(self, model: keras.Model, schedule: CubicSchedule):
        import tensorflow_model_optimization as tfmot

        if not any(is_prunable(layer) for layer in model.layers):
            raise PruningError(f"Model '{model.name}' has no layer to prune; leave it unpruned.")

        class PrunableLayers(tfmot.sparsity.keras.PruningPolicy):
            """Without a policy tfmot refuses a model for any layer that it doesn't know."""

            def allow_pruning(self, layer):
                return is_prunable(layer)

            def ensure_model_supports_pruning(self, model):
                return None

        own = keras.models.clone_model(model)
        own.set_weights(model.get_weights())
        self.schedule = schedule
        self.wrapped = tfmot.sparsity.keras.prune_low_magnitude(
            own,
            pruning_schedule=tfmot.sparsity.keras.PolynomialDecay(
                initial_sparsity=0.0,
                final_sparsity=schedule.target,
                begin_step=schedule.begin_step,
                end_step=schedule.end_step,
                # tfmot's default of 100 prunes nothing in a short training, and says nothing.
                frequency=schedule.frequency,
            ),
            pruning_policy=PrunableLayers(),
        )
        self.callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]

    @property
    def ratio(self) -> float:
        """Share of the prunable weights that the masks hold at zero by now."""
        masks = [mask.numpy() for _, mask in self._masked()]
        return 1 - float(sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks))

    def strip(self) -> keras.Model:
        """The plain model of the trained copy, its masked weights exactly zero.

        Raises
        ------
        PruningError
            A layer has not reached the schedule's target within 0.01 or one weight.
        """
        import tensorflow_model_optimization as tfmot

        # A mask acts in the forward pass only; the last step may have moved a masked weight.
        for weight, mask in self._masked():
            weight.assign(weight * mask)
        stripped = tfmot.sparsity.keras.strip_pruning(self.wrapped)
        target = self.schedule.target
        for name, kernel in prunable_kernels(stripped).items():
            reached = 1 - np.count_nonzero(kernel) / kernel.size
            if not math.isclose(reached, target, abs_tol=_TOLERANCE + 1 / kernel.size):
                raise PruningError(
                    f"Layer '{name}' reached a sparsity of {reached:.3f}, not {target:.2f}; raise "
                    "pruning.epochs, so that the schedule has more steps."
                )
        return stripped

    def _masked(self) -> list[tuple]:
        return [
            (weight, mask)
            for layer in self.wrapped.layers
            for weight, mask, _ in getattr(layer, "pruning_vars", [])
        ]
