"""The frame around every net of a data set: raw samples in, classes or original units out.

So a saved model needs no separate preprocessing: it takes the data set's raw features and returns
class probabilities, or the target in its own unit. The statistics are constants in the layers'
configuration, so they add no parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.models.encoding import start_at_quantiles


@dataclass(frozen=True)
class Frame:
    """Shapes and statistics of a data set, taken from its train split only.

    Attributes
    ----------
    input_shape
        Shape of one raw sample, channels last.
    classes
        Number of classes, or None for a regression.
    vocabulary
        For texts: number of different tokens, including padding and the unknown one; samples are
        tokens' numbers, int32.
    input_scale
        Images are divided by it.
    feature_mean, feature_variance
        They standardise columns of a table, or channels of a sequence over all steps; shape
        (columns,).
    quantiles
        Standardised quantiles of a table's columns, shape (quantiles, columns), evenly spaced in
        probability, for the encoding of columns.
    target_mean, target_std
        With them a regression's last layer maps standardised values back to the target's unit.
    """

    input_shape: tuple[int, ...]
    classes: int | None
    input_scale: float | None = None
    feature_mean: np.ndarray | None = None
    feature_variance: np.ndarray | None = None
    quantiles: np.ndarray | None = None
    target_mean: float | None = None
    target_std: float | None = None
    vocabulary: int | None = None


def build_framed(
    frame: Frame,
    body: Sequence[keras.layers.Layer] | Callable[[tf.Tensor], tf.Tensor],
    name: str,
) -> keras.Model:
    """A functional model: the frame's input layer, ``body``, the frame's output layer.

    Parameters
    ----------
    body
        A list of layers, or a function of the scaled input. It ends with one unit per class and a
        softmax, or with one linear unit.
    """
    dtype = None if frame.vocabulary is None else "int32"
    inputs = tensor = keras.Input(frame.input_shape, name="input", dtype=dtype)
    if frame.vocabulary is not None:
        pass  # an embedding takes tokens unchanged
    elif frame.input_scale is not None:
        tensor = keras.layers.Rescaling(1.0 / frame.input_scale, name="scale_input")(inputs)
    else:
        tensor = keras.layers.Normalization(
            mean=frame.feature_mean, variance=frame.feature_variance, name="standardise_input"
        )(inputs)
    if callable(body):
        tensor = body(tensor)
    else:
        for layer in body:
            tensor = layer(tensor)
    if frame.classes is None:
        tensor = keras.layers.Rescaling(
            frame.target_std, offset=frame.target_mean, name="restore_unit"
        )(tensor)
    model = keras.Model(inputs, tensor, name=name)
    if frame.quantiles is not None:
        start_at_quantiles(model, frame.quantiles)
    return model
