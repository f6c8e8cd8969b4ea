"""Magnitude pruning by tensorflow-model-optimization, with its silent traps closed.

Zhu and Gupta 2017 (arXiv 1710.01878, equation 1): the sparsity of every layer rises as a cubic
from 0 to the ratio while the model is retrained. Zeros change no tensor's shape.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import tf_keras as keras

from nasturtium.compaction import compact, verify
from nasturtium.errors import PruningError
from nasturtium.models.weights import count_weights, is_prunable, prunable_kernels
from nasturtium.pruning.pruner import Pruned, Pruner
from nasturtium.pruning.schedule import CubicSchedule

# Tied magnitudes and rounding keep tfmot from hitting a ratio exactly in a small layer.
_TOLERANCE = 0.01


@dataclass(frozen=True)
class MagnitudeOptions:
    """Section ``pruning.magnitude`` of the settings.

    Attributes
    ----------
    keep_head_dense
        Leave the last layer before each output as it is; the ratio holds for the others.
    block_size
        Rows and columns of the blocks that go together in a dense layer whose kernel they divide;
        other layers lose single weights (tfmot knows blocks of matrices only).
    layer_ratios
        Ratio by layer name, where it shall differ from the run's.
    """

    keep_head_dense: bool = False
    block_size: Sequence[int] = (1, 1)
    layer_ratios: Mapping[str, float] = field(default_factory=dict)


class MagnitudePruning(Pruner):
    """Masks the smallest weights of every prunable layer of a copy of ``model``.

    ``model`` itself is left alone: tfmot would share its variables and change them.

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
        The model has nothing to prune, or ``layer_ratios`` names a layer that it has not.
    """

    def __init__(
        self,
        model: keras.Model,
        schedule: CubicSchedule,
        options: MagnitudeOptions | None = None,
    ):
        import tensorflow_model_optimization as tfmot

        options = options or MagnitudeOptions()
        self._ratios = _layer_ratios(model, schedule.target, options)
        own = keras.models.clone_model(model)
        own.set_weights(model.get_weights())

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
                    # tfmot's default of 100 prunes nothing in a short training, and says nothing.
                    frequency=schedule.frequency,
                ),
                block_size=_block_size(layer, options),
            )

        self.schedule = schedule
        # Layer by layer: tfmot refuses a whole model for any layer that it doesn't know.
        self.model = keras.models.clone_model(own, clone_function=wrap)
        self.callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]

    @classmethod
    def start(
        cls,
        model: keras.Model,
        schedule: CubicSchedule,
        settings: Mapping[str, Any],
        *,
        seed: int,
        batches: Iterable,
    ) -> Self:
        """By the options in ``settings["magnitude"]``; nothing is drawn, no batch is looked at."""
        return cls(model, schedule, MagnitudeOptions(**settings.get("magnitude", {})))

    @property
    def ratio(self) -> float:
        """Share of the prunable weights that the masks hold at zero by now."""
        masks = [mask.numpy() for _, mask in self._masked()]
        return 1 - float(sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks))

    def finish(self, inputs: np.ndarray) -> Pruned:
        """The stripped model, without the few units that single zeros left dead."""
        stripped = self.strip()
        compaction = compact(stripped)
        error = verify(stripped, compaction.model, inputs)
        return Pruned(compaction, count_weights(stripped).sparsity, error)

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
        stripped = tfmot.sparsity.keras.strip_pruning(self.model)
        for name, kernel in prunable_kernels(stripped).items():
            if name not in self._ratios:
                continue
            target = self._ratios[name]
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
            for layer in self.model.layers
            for weight, mask, _ in getattr(layer, "pruning_vars", [])
        ]


def _layer_ratios(model: keras.Model, target: float, options: MagnitudeOptions) -> dict[str, float]:
    """The ratio of each layer that is pruned, by its name."""
    prunable = [layer.name for layer in model.layers if is_prunable(layer)]
    unknown = [name for name in options.layer_ratios if name not in prunable]
    if unknown:
        raise PruningError(
            f"Configuration key 'pruning.magnitude.layer_ratios.{unknown[0]}': model "
            f"'{model.name}' has no such layer to prune; choose from {', '.join(prunable)}."
        )
    kept = _heads(model) if options.keep_head_dense else set()
    ratios = {name: options.layer_ratios.get(name, target) for name in prunable if name not in kept}
    if not ratios:
        raise PruningError(f"Model '{model.name}' has no layer to prune; leave it unpruned.")
    return ratios


def _heads(model: keras.Model) -> set[str]:
    """Names of the last layer with a prunable kernel before each output."""
    heads = set()
    waiting = [tensor._keras_history.layer for tensor in model.outputs]
    while waiting:
        layer = waiting.pop()
        if is_prunable(layer):
            heads.add(layer.name)
        else:
            for node in layer.inbound_nodes:
                inbound = node.inbound_layers
                waiting += inbound if isinstance(inbound, list) else [inbound]
    return heads


def _block_size(layer: keras.layers.Layer, options: MagnitudeOptions) -> tuple[int, int]:
    rows, columns = options.block_size
    if not isinstance(layer, keras.layers.Dense):
        return (1, 1)
    inputs, outputs = layer.kernel.shape
    return (rows, columns) if inputs % rows == 0 and outputs % columns == 0 else (1, 1)
