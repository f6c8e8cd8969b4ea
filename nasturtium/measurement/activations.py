"""Peak bytes of activations at batch 1, from the graph: a calculation, not a measurement."""

import math

import tensorflow as tf
import tf_keras as keras

# These hand their input on at inference, in the same memory.
_ALIASES = (
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
)


def peak_activation_bytes(model: keras.Model) -> int:
    """The most bytes of activations that are alive at once for one sample.

    While a layer runs, its inputs, its output and every tensor that a later layer still reads are
    alive: the working memory of Fedorov et al. 2019 (arXiv 1905.12107, section 3.2), without
    in-place operations. Layers run in the order in which Keras calls them.
    """
    nodes = [
        node
        for depth in sorted(model._nodes_by_depth, reverse=True)
        for node in model._nodes_by_depth[depth]
    ]
    buffer_of: dict[int, int] = {}  # tensor -> the tensor whose memory it lies in
    size_bytes: dict[int, int] = {}
    born: dict[int, int] = {}
    last_read: dict[int, int] = {}
    for step, node in enumerate(nodes):
        inputs = [] if node.is_input else tf.nest.flatten(node.keras_inputs)
        for tensor in inputs:
            last_read[buffer_of[id(tensor)]] = step
        for tensor in tf.nest.flatten(node.outputs):
            if isinstance(node.layer, _ALIASES):
                buffer_of[id(tensor)] = buffer_of[id(inputs[0])]
            else:
                buffer_of[id(tensor)] = id(tensor)
                size_bytes[id(tensor)] = math.prod(tensor.shape[1:]) * tensor.dtype.size
                born[id(tensor)] = step
    for tensor in model.outputs:
        last_read[buffer_of[id(tensor)]] = len(nodes)
    return max(
        sum(
            size
            for buffer, size in size_bytes.items()
            if born[buffer] <= step <= last_read.get(buffer, born[buffer])
        )
        for step in range(len(nodes))
    )
