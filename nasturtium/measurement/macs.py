"""Multiply-accumulate operations of one sample, counted from the layers' shapes.

Bias additions, activations, pooling, normalisation and other elementwise work are not counted, as
is usual; zeros are, since dense kernels multiply them.
"""

import math

import tf_keras as keras

# Layers without a multiply-accumulate: they look up, move, compare, add or scale.
_FREE = (
    keras.layers.InputLayer,
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.Embedding,
    keras.layers.Embedding,
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.LeakyReLU,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.Multiply,
    keras.layers.Normalization,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.Reshape,
    keras.layers.Softmax,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.UpSampling2D,
    keras.layers.ZeroPadding1D,
    keras.layers.ZeroPadding2D,
)


def count_macs(model: keras.Model) -> tuple[int | None, str | None]:
    """MACs of one sample, or None and the reason where a layer's count is not known.

    A layer counts as often as the model calls it, each time at the size of that call.
    """
    total = 0
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            layer = node.layer
            # A grouped convolution's kernel already has only its group's input channels.
            if isinstance(layer, keras.layers.Conv2DTranspose):
                # Every input is multiplied by the whole kernel, also where padding cuts the result.
                total += math.prod(node.input_shapes[1:-1]) * math.prod(layer.kernel.shape)
                continue
            if isinstance(layer, keras.layers.SeparableConv2D | keras.layers.SeparableConv1D):
                kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
            elif isinstance(layer, keras.layers.DepthwiseConv1D | keras.layers.DepthwiseConv2D):
                kernels = [layer.depthwise_kernel]
            elif type(layer) in (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Dense):
                kernels = [layer.kernel]
            elif isinstance(layer, _FREE):
                continue
            else:
                kind = type(layer).__name__
                return None, f"no MAC count is known for layer '{layer.name}' ({kind})"
            positions = math.prod(node.output_shapes[1:-1])
            total += positions * sum(math.prod(kernel.shape) for kernel in kernels)
    return total, None
