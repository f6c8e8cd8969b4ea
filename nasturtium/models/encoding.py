"""Piecewise-linear encoding of numeric columns (Gorishniy et al. 2022, arXiv 2203.05556, 3.1).

Each column becomes ``bins`` units. A unit is 0 below its bin, rises over it, and is 1 above; the
bins are between quantiles of the train split. It consists of plain layers, and is trained.
"""

import itertools

import numpy as np
import tensorflow as tf
import tf_keras as keras

ENCODING = "encode_columns"


def encoded(tensor: tf.Tensor, bins: int) -> tf.Tensor:
    """Units of shape (batch, columns * ``bins``) from columns of shape (batch, columns)."""
    columns = tensor.shape[-1]
    tensor = keras.layers.Reshape((1, 1, columns), name=f"{ENCODING}_in")(tensor)
    tensor = keras.layers.DepthwiseConv2D(1, depth_multiplier=bins, name=ENCODING)(tensor)
    tensor = keras.layers.ReLU(max_value=1.0, name=f"{ENCODING}_relu")(tensor)
    return keras.layers.Flatten(name=f"{ENCODING}_out")(tensor)


def start_at_quantiles(model: keras.Model, quantiles: np.ndarray) -> None:
    """Set the bins of the model's encoding, if it has one, between ``quantiles``.

    Parameters
    ----------
    quantiles
        Standardised values of shape (quantiles, columns), in increasing order, evenly spaced in
        probability from 0 to 1. Empty bins, of a column with few values, are left out: their units
        are 0 for every sample.
    """
    if ENCODING not in {layer.name for layer in model.layers}:
        return
    layer = model.get_layer(ENCODING)
    kernel, bias = (np.zeros(weight.shape, np.float32) for weight in layer.weights)
    columns, bins = kernel.shape[-2:]
    places = np.linspace(0, 1, bins + 1)
    known = np.linspace(0, 1, len(quantiles))
    for column in range(columns):
        edges = np.unique(np.interp(places, known, quantiles[:, column]))
        for unit, (low, high) in enumerate(itertools.pairwise(edges)):
            kernel[0, 0, column, unit] = 1 / (high - low)
            bias[column * bins + unit] = -low / (high - low)
    layer.set_weights([kernel, bias])
