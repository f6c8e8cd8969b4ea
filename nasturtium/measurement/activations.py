"""Peak bytes of activations at batch 1, from the graph: a calculation, not a measurement."""

import math

import tensorflow as tf
import tf_keras as keras

from nasturtium.measurement.size import weight_bytes
from nasturtium.models.layers import facts_of


def calculated_memory(model: keras.Model) -> dict[str, int]:
    """Bytes of weights, of activations at their peak, and of both, by column."""
    weights_bytes, activation_bytes = weight_bytes(model), peak_activation_bytes(model)
    return {
        "weights_bytes": weights_bytes,
        "peak_activation_bytes": activation_bytes,
        "calculated_memory_bytes": weights_bytes + activation_bytes,
    }


def peak_activation_bytes(model: keras.Model) -> int:
    """The peak of the bytes of activations that are alive at the same time, for one sample.

    While a layer runs, its inputs, its output and all tensors that later layers still read are
    alive: the working memory of Fedorov et al. 2019 (arXiv 1905.12107, section 3.2), without
    in-place operations. Layers run in the order in which Keras calls them; a separable convolution
    is two operations with a tensor between them, as it is in TFLite.
    """
    buffer_of: dict[int, int] = {}  # tensor -> the tensor whose memory it uses
    size_bytes: dict[int, int] = {}
    born: dict[int, int] = {}
    last_read: dict[int, int] = {}
    step = 0
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            inputs = [] if node.is_input else tf.nest.flatten(node.keras_inputs)
            for tensor in inputs:
                last_read[buffer_of[id(tensor)]] = step
            if inner_bytes := _inner_bytes(node):
                # Two operations: the first reads the input, the second the output of the first.
                size_bytes[id(node)], born[id(node)] = inner_bytes, step
                step += 1
                last_read[id(node)] = step
            facts = facts_of(node.layer)
            for tensor in tf.nest.flatten(node.outputs):
                if facts is not None and facts.keeps_memory:
                    buffer_of[id(tensor)] = buffer_of[id(inputs[0])]
                else:
                    buffer_of[id(tensor)] = id(tensor)
                    size_bytes[id(tensor)] = math.prod(tensor.shape[1:]) * tensor.dtype.size
                    born[id(tensor)] = step
            step += 1
    for tensor in model.outputs:
        last_read[buffer_of[id(tensor)]] = step
    return max(
        sum(
            size
            for buffer, size in size_bytes.items()
            if born[buffer] <= moment <= last_read.get(buffer, born[buffer])
        )
        for moment in range(step)
    )


def _inner_bytes(node) -> int:
    """Bytes of a separable convolution's inner tensor, between its kernels; 0 for other layers."""
    facts = facts_of(node.layer)
    if facts is None or len(facts.kernels) < 2:
        return 0
    channels, multiplier = node.layer.depthwise_kernel.shape[-2:]
    output = node.outputs
    return math.prod(output.shape[1:-1]) * channels * multiplier * output.dtype.size
