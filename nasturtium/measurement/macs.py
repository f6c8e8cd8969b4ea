"""Multiply-accumulate operations of one sample, counted from the layers' shapes.

As usual, bias additions, activations, pooling, normalisation and other elementwise operations do
not count. Zeros count, since dense kernels multiply them.
"""

import math

import tf_keras as keras

from nasturtium.models.layers import facts_of


def count_macs(model: keras.Model) -> tuple[int | None, str | None]:
    """MACs of one sample, or None and the reason if a layer's count is not known.

    A layer counts once per call, with the size of that call.
    """
    total = 0
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            layer = node.layer
            facts = facts_of(layer)
            if facts is None:
                kind = type(layer).__name__
                return None, f"no MAC count is known for layer '{layer.name}' ({kind})"
            if facts.kernels:
                # A grouped convolution's kernel already has only its group's input channels.
                shapes = node.input_shapes if facts.multiplies_inputs else node.output_shapes
                kernels = [getattr(layer, name) for name in facts.kernels]
                total += math.prod(shapes[1:-1]) * sum(math.prod(k.shape) for k in kernels)
    return total, None
