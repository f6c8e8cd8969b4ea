"""Which weights of a model can be pruned, and how many of them are zero."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.models.encoding import ENCODING
from nasturtium.models.layers import prunable_weight


@dataclass(frozen=True)
class WeightCounts:
    """Numbers of scalars in a model's weights.

    ``prunable`` and ``nonzero_prunable`` count only the kernels of :func:`prunable_kernels`;
    ``parameters`` and ``nonzero`` count every weight, including BatchNormalization's statistics.
    """

    parameters: int
    trainable: int
    nonzero: int
    prunable: int
    nonzero_prunable: int

    @property
    def sparsity(self) -> float | None:
        """Share of the prunable weights that are zero; None if there are none."""
        return 1 - self.nonzero_prunable / self.prunable if self.prunable else None


def is_prunable(layer: keras.layers.Layer) -> bool:
    """Whether this layer has a kernel to prune."""
    return prunable_weight(layer) is not None


def kernel_of(layer: keras.layers.Layer) -> tf.Variable:
    """The variable that is pruned in a prunable layer."""
    return getattr(layer, prunable_weight(layer))


def prunable_kernels(model: keras.Model) -> dict[str, np.ndarray]:
    """Kernels that may be pruned, by layer name."""
    return {layer.name: kernel_of(layer).numpy() for layer in model.layers if is_prunable(layer)}


def count_weights(model: keras.Model) -> WeightCounts:
    """Count a model's parameters and those that are not zero."""
    values = model.get_weights()
    kernels = prunable_kernels(model).values()
    return WeightCounts(
        parameters=sum(value.size for value in values),
        trainable=sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        nonzero=sum(int(np.count_nonzero(value)) for value in values),
        prunable=sum(kernel.size for kernel in kernels),
        nonzero_prunable=sum(int(np.count_nonzero(kernel)) for kernel in kernels),
    )


def with_new_weights(model: keras.Model) -> keras.Model:
    """A model of the same layers with new initial weights, from Keras's global seed.

    Values from the data stay: statistics of Normalization layers, and an encoding's bins.
    """
    fresh = keras.models.clone_model(model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) or layer.name == ENCODING:
            fresh.get_layer(layer.name).set_weights(layer.get_weights())
    return fresh
