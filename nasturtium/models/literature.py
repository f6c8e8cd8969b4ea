"""Nets from the literature by name, for any data set whose samples fit."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras

from nasturtium.models.residual import residual_features

# For the published data of each net: shape of a sample, number of classes, and parameters here,
# including BatchNormalization's statistics.
PUBLISHED = {
    "lenet_300_100": ((28, 28, 1), 10, 266_610),
    "lenet_5": ((28, 28, 1), 10, 431_080),
    "resnet_8": ((32, 32, 3), 10, 78_330),
    "resnet_20": ((32, 32, 3), 10, 273_658),
    "vgg_small": ((32, 32, 3), 10, 4_663_690),
}


def literature_features(name: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """The net ``name`` without its output layer.

    ``lenet_300_100`` and ``lenet_5`` (Caffe's form) are those of LeCun et al. 1998 as pruned by Han
    et al. 2015 (arXiv 1506.02626), ``resnet_8`` that of MLPerf Tiny (arXiv 2106.07597; its 78,666
    parameters minus 336 biases without effect before BatchNormalization), ``resnet_20`` that of He
    et al. 2016 (arXiv 1512.03385, section 4.2) with 1x1 projections as shortcuts, ``vgg_small`` the
    convolutions of Courbariaux et al. 2015 (arXiv 1511.00363) with one dense layer.
    """
    return _NETS[name]


def _lenet_300_100(tensor: tf.Tensor) -> tf.Tensor:
    if len(tensor.shape) > 2:
        tensor = keras.layers.Flatten(name="flatten")(tensor)
    for number, units in enumerate((300, 100)):
        tensor = keras.layers.Dense(units, activation="relu", name=f"dense_{number}")(tensor)
    return tensor


def _lenet_5(tensor: tf.Tensor) -> tf.Tensor:
    for number, filters in enumerate((20, 50)):
        tensor = keras.layers.Conv2D(filters, 5, name=f"conv_{number}")(tensor)
        tensor = keras.layers.MaxPooling2D(2, name=f"pool_{number}")(tensor)
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    return keras.layers.Dense(500, activation="relu", name="dense_0")(tensor)


def _resnet_8(tensor: tf.Tensor) -> tf.Tensor:
    return residual_features(tensor, stem=16, filters=(16, 32, 64), blocks=(1, 1, 1))


def _resnet_20(tensor: tf.Tensor) -> tf.Tensor:
    return residual_features(tensor, stem=16, filters=(16, 32, 64), blocks=(3, 3, 3))


def _vgg_small(tensor: tf.Tensor) -> tf.Tensor:
    for number, filters in enumerate((128, 128, 256, 256, 512, 512)):
        tensor = keras.layers.Conv2D(
            filters, 3, padding="same", use_bias=False, name=f"conv_{number}"
        )(tensor)
        if number % 2:
            tensor = keras.layers.MaxPooling2D(2, name=f"pool_{number // 2}")(tensor)
        tensor = keras.layers.BatchNormalization(name=f"conv_{number}_bn")(tensor)
        tensor = keras.layers.ReLU(name=f"conv_{number}_relu")(tensor)
    return keras.layers.Flatten(name="flatten")(tensor)


_NETS = {
    "lenet_300_100": _lenet_300_100,
    "lenet_5": _lenet_5,
    "resnet_8": _resnet_8,
    "resnet_20": _resnet_20,
    "vgg_small": _vgg_small,
}
