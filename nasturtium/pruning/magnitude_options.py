"""Shared parts of magnitude pruning: options, layers, and the final model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import tf_keras as keras

from nasturtium.compaction import compact, verify
from nasturtium.errors import PruningError
from nasturtium.models.weights import count_weights, is_prunable
from nasturtium.pruning.pruner import Pruned


@dataclass(frozen=True)
class MagnitudeOptions:
    """Section ``pruning.magnitude`` of the settings.

    Attributes
    ----------
    threshold
        ``layer``: every layer loses the ratio's share; ``global``: the smallest weights of the net
        are pruned (:mod:`nasturtium.pruning.global_magnitude`).
    keep_head_dense
        Do not prune the last layer before each output; the ratio applies to the others.
    block_size
        Rows and columns of the blocks that are pruned together in a dense layer, if its kernel can
        be divided into at least two blocks each way; other layers lose single weights (tfmot
        supports only blocks of matrices, and not a single row or column of blocks).
    layer_ratios
        Ratio by layer name, if it differs from the run's.
    """

    threshold: str = "layer"
    keep_head_dense: bool = False
    block_size: Sequence[int] = (1, 1)
    layer_ratios: Mapping[str, float] = field(default_factory=dict)


def compacted(stripped: keras.Model, inputs: np.ndarray) -> Pruned:
    """A model with single zeros, without the few units that these made dead."""
    compaction = compact(stripped)
    error = verify(stripped, compaction.model, inputs)
    return Pruned(compaction, count_weights(stripped).sparsity, error)


def copy_of(model: keras.Model) -> keras.Model:
    """A copy with its own variables."""
    own = keras.models.clone_model(model)
    own.set_weights(model.get_weights())
    return own


def layer_ratios(model: keras.Model, target: float, options: MagnitudeOptions) -> dict[str, float]:
    """The ratio of each layer that is pruned, by its name.

    Raises
    ------
    PruningError
        The model has nothing to prune, or ``layer_ratios`` names a layer that it does not have.
    """
    prunable = [layer.name for layer in model.layers if is_prunable(layer)]
    unknown = [name for name in options.layer_ratios if name not in prunable]
    if unknown:
        raise PruningError(
            f"Configuration key 'pruning.magnitude.layer_ratios.{unknown[0]}': model "
            f"'{model.name}' has no prunable layer of this name; choose from "
            f"{', '.join(prunable)}."
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
