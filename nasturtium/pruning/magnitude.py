"""Magnitude pruning by tensorflow-model-optimization, with checks for its silent failures.

Zhu and Gupta 2017 (arXiv 1710.01878, equation 1): the sparsity of every layer rises as a cubic from
0 to the ratio while the model is retrained. Zeros do not change the shape of a tensor.
"""

import math

import numpy as np
import tf_keras as keras

from nasturtium.errors import PruningError
from nasturtium.models.weights import prunable_kernels
from nasturtium.pruning.global_magnitude import GlobalMagnitudePruning
from nasturtium.pruning.magnitude_options import (
    MagnitudeOptions,
    compacted,
    copy_of,
    layer_ratios,
)
from nasturtium.pruning.pruner import Pruned, Pruner, PruningTask
from nasturtium.pruning.schedule import CubicSchedule

# Because of equal magnitudes and rounding, tfmot may miss a ratio slightly in a small layer.
_TOLERANCE = 0.01


class MagnitudePruning(Pruner):
    """Masks the smallest weights of every prunable layer of a copy of ``model``.

    ``model`` itself is not changed: tfmot would share its variables and change them.

    Parameters
    ----------
    schedule
        Target and steps.

    Attributes
    ----------
    model
        The copy, to be trained with ``callbacks``.

    Raises
    ------
    PruningError
        The model has nothing to prune, or ``layer_ratios`` names a layer that it does not have.
    """

    def __init__(
        self,
        model: keras.Model,
        schedule: CubicSchedule,
        options: MagnitudeOptions | None = None,
    ):
        import tensorflow_model_optimization as tfmot

        options = options or MagnitudeOptions()
        self._ratios = layer_ratios(model, schedule.target, options)
        self._blocks = {name: _block_size(model.get_layer(name), options) for name in self._ratios}
        own = copy_of(model)

        def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
            if layer.name not in self._ratios:
                return layer
            return tfmot.sparsity.keras.prune_low_magnitude(
                layer,
                tfmot.sparsity.keras.PolynomialDecay(
                    initial_sparsity=0.0,
                    final_sparsity=self._ratios[layer.name],
                    begin_step=schedule.begin_step,
                    end_step=schedule.end_step,
                    # With tfmot's default of 100, a short training silently prunes nothing.
                    frequency=schedule.frequency,
                ),
                block_size=self._blocks[layer.name],
            )

        self.schedule = schedule
        # Layer by layer: tfmot refuses a whole model if it does not know one layer.
        self.model = keras.models.clone_model(own, clone_function=wrap)
        self.callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]

    @classmethod
    def start(cls, task: PruningTask) -> Pruner:
        """Uses the options ``magnitude``; needs neither random numbers nor batches."""
        options = MagnitudeOptions(**task.settings.get("magnitude", {}))
        kind = GlobalMagnitudePruning if options.threshold == "global" else cls
        return kind(task.model, task.schedule, options)

    @property
    def ratio(self) -> float:
        """Share of the prunable weights that the masks currently keep at zero."""
        masks = [mask.numpy() for _, mask in self._masked()]
        return 1 - float(sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks))

    def finish(self, inputs: np.ndarray) -> Pruned:
        """The stripped model without the few units that single zeros made dead."""
        return compacted(self.strip(), inputs)

    def strip(self) -> keras.Model:
        """The trained copy as a plain model; masked weights are exactly zero.

        Raises
        ------
        PruningError
            A layer has not reached the schedule's target within 0.01 and one weight or block.
        """
        import tensorflow_model_optimization as tfmot

        # A mask acts only in the forward pass; the last step may have changed a masked weight.
        for weight, mask in self._masked():
            weight.assign(weight * mask)
        stripped = tfmot.sparsity.keras.strip_pruning(self.model)
        for name, kernel in prunable_kernels(stripped).items():
            if name not in self._ratios:
                continue
            target = self._ratios[name]
            reached = 1 - np.count_nonzero(kernel) / kernel.size
            step = math.prod(self._blocks[name]) / kernel.size
            if not math.isclose(reached, target, abs_tol=_TOLERANCE + step):
                raise PruningError(
                    f"Layer '{name}' reached a sparsity of {reached:.3f} instead of {target:.2f}; "
                    "increase pruning.epochs, so that the schedule has more steps."
                )
        return stripped

    def _masked(self) -> list[tuple]:
        return [
            (weight, mask)
            for layer in self.model.layers
            for weight, mask, _ in getattr(layer, "pruning_vars", [])
        ]


def _block_size(layer: keras.layers.Layer, options: MagnitudeOptions) -> tuple[int, int]:
    rows, columns = options.block_size
    if not isinstance(layer, keras.layers.Dense):
        return (1, 1)
    inputs, outputs = layer.kernel.shape
    divides = inputs % rows == 0 and outputs % columns == 0
    # tfmot squeezes a grid with the width of one block to a vector, and fails.
    return (rows, columns) if divides and min(inputs // rows, outputs // columns) > 1 else (1, 1)
