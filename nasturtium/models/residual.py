"""Residual stages of convolutions (He et al. 2016, arXiv 1512.03385, sections 3.3 and 4.2)."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras


def residual_features(
    tensor: tf.Tensor,
    *,
    stem: int,
    filters: Sequence[int],
    blocks: Sequence[int],
    halvings: int | None = None,
    separable: bool = False,
) -> tf.Tensor:
    """Features of shape (batch, ``filters[-1]``) from images of shape (batch, h, w, channels).

    Or from sequences of shape (batch, steps, channels), by convolutions over the steps.

    A 3x3 convolution with ``stem`` filters, then for each of ``filters`` a stage with the given
    number of ``blocks``, then global average pooling.

    Parameters
    ----------
    halvings
        This number of the last stages halve height and width, in their first convolution and in the
        shortcut; None for all but the first stage.
    separable
        Whether the convolutions of the blocks are separable (depthwise, then pointwise).
    """
    if halvings is None:
        halvings = len(filters) - 1
    tensor = _convolved(tensor, stem, "stem")
    for stage, width in enumerate(filters):
        for block in range(blocks[stage]):
            halves = block == 0 and stage >= len(filters) - halvings
            # A stage with the width of one position can't be halved.
            strides = 2 if halves and min(tensor.shape[1:-1]) > 1 else 1
            name = f"stage{stage}_block{block}"
            tensor = _block(tensor, width, strides, separable, name)
    return _of_rank("GlobalAveragePooling", tensor)(name="pool")(tensor)


def _of_rank(name: str, tensor: tf.Tensor) -> type[keras.layers.Layer]:
    """The layer for images or for sequences."""
    return getattr(keras.layers, f"{name}{len(tensor.shape) - 2}D")


def _block(tensor: tf.Tensor, width: int, strides: int, separable: bool, name: str) -> tf.Tensor:
    """Two convolutions and a shortcut, which is a 1x1 convolution if shapes differ."""
    inner = _convolved(tensor, width, f"{name}_conv0", strides=strides, separable=separable)
    inner = _convolved(inner, width, f"{name}_conv1", separable=separable, activated=False)
    if strides > 1 or tensor.shape[-1] != width:
        # Without BatchNormalization, since the other summand is already normalised.
        tensor = _of_rank("Conv", tensor)(
            width,
            1,
            strides=strides,
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_shortcut",
        )(tensor)
    joined = keras.layers.Add(name=f"{name}_add")([inner, tensor])
    return keras.layers.ReLU(name=f"{name}_relu")(joined)


def _convolved(
    tensor: tf.Tensor,
    width: int,
    name: str,
    *,
    strides: int = 1,
    separable: bool = False,
    activated: bool = True,
) -> tf.Tensor:
    """Convolution without bias, BatchNormalization and, optionally, ReLU."""
    size, options = 3, {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    if separable:
        tensor = _of_rank("DepthwiseConv", tensor)(
            size,
            strides=strides,
            padding="same",
            use_bias=False,
            depthwise_initializer="he_normal",
            name=f"{name}_depthwise",
        )(tensor)
        size = strides = 1
    tensor = _of_rank("Conv", tensor)(width, size, strides=strides, name=name, **options)(tensor)
    tensor = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(tensor)
    return keras.layers.ReLU(name=f"{name}_relu")(tensor) if activated else tensor
