"""The layers of reference nets: by sizes, and for each built-in data set."""

import itertools
from collections.abc import Mapping, Sequence

import tf_keras as keras


def mlp(hidden: Sequence[int], classes: int | None) -> list[keras.layers.Layer]:
    """Dense layers with ReLU, then the output layer."""
    layers = [
        keras.layers.Dense(units, activation="relu", name=f"dense_{i}")
        for i, units in enumerate(hidden)
    ]
    return [*layers, output_layer(classes)]


def output_layer(classes: int | None) -> keras.layers.Layer:
    """Softmax over the classes, or one linear unit."""
    if classes is None:
        return keras.layers.Dense(1, name="output")
    return keras.layers.Dense(classes, activation="softmax", name="output")


def _conv(filters: int, name: str, padding: str = "valid") -> keras.layers.Layer:
    return keras.layers.Conv2D(filters, 3, padding=padding, activation="relu", name=name)


def _pool(name: str) -> keras.layers.Layer:
    return keras.layers.MaxPooling2D(2, name=name)


def flatten() -> keras.layers.Layer:
    """All values of a sample, flattened."""
    return keras.layers.Flatten(name="flatten")


def cnn(sizes: Mapping, classes: int | None) -> list[keras.layers.Layer]:
    """3x3 convolutions, each followed by 2x2 max pooling, then dense layers."""
    blocks = [
        (_conv(filters, f"conv_{i}", "same"), _pool(f"pool_{i}"))
        for i, filters in enumerate(sizes["filters"])
    ]
    return [*itertools.chain(*blocks), flatten(), *mlp(sizes["dense"], classes)]


def cnn1d(sizes: Mapping, classes: int | None) -> list[keras.layers.Layer]:
    """Convolutions over the steps, each followed by max pooling of two, then dense layers.

    As in LeCun and Bengio (1995); the order of the steps is kept up to the dense layers.
    """
    blocks = [
        (
            keras.layers.Conv1D(
                filters,
                sizes.get("kernel_size", 5),
                padding="same",
                activation="relu",
                name=f"conv_{i}",
            ),
            keras.layers.MaxPooling1D(2, name=f"pool_{i}"),
        )
        for i, filters in enumerate(sizes["filters"])
    ]
    return [*itertools.chain(*blocks), flatten(), *mlp(sizes["dense"], classes)]


def textcnn(sizes: Mapping, vocabulary: int) -> list:
    """An embedding, convolutions of several widths with global max pooling, dense layers.

    Kim 2014 (arXiv 1408.5882), with a dropout of 0.5 after the pooling.
    """
    layers = keras.layers

    def maxima(tensor):
        parts = [
            layers.GlobalMaxPooling1D(name=f"maximum_{size}")(
                layers.Conv1D(sizes["filters"], size, activation="relu", name=f"conv_{size}")(
                    tensor
                )
            )
            for size in sizes["kernel_sizes"]
        ]
        return parts[0] if len(parts) == 1 else layers.Concatenate(name="maxima")(parts)

    return [
        layers.Embedding(vocabulary, sizes["embedding"], name="embedding"),
        maxima,
        layers.Dropout(0.5, name="dropout"),
        *mlp(sizes["dense"], None),
    ]


def _digits(classes: int) -> list[keras.layers.Layer]:
    return [
        _conv(16, "conv_0", "same"),
        _conv(16, "conv_1", "same"),
        _pool("pool_0"),
        flatten(),
        *mlp([32], classes),
    ]


def _diabetes(classes: None) -> list[keras.layers.Layer]:
    return mlp([64, 32], classes)


def _mnist(classes: int) -> list[keras.layers.Layer]:
    return [flatten(), *mlp([528, 128], classes)]


def _cifar10(classes: int) -> list[keras.layers.Layer]:
    return [
        _conv(32, "conv_0"),
        _pool("pool_0"),
        _conv(64, "conv_1"),
        _pool("pool_1"),
        _conv(64, "conv_2"),
        flatten(),
        *mlp([64], classes),
    ]


def _sat6(classes: int) -> list[keras.layers.Layer]:
    return [
        _conv(24, "conv_0", "same"),
        _conv(24, "conv_1", "same"),
        _pool("pool_0"),
        _conv(24, "conv_2", "same"),
        _conv(24, "conv_3", "same"),
        _pool("pool_1"),
        flatten(),
        *mlp([128, 128], classes),
    ]


def _california_housing(classes: None) -> list[keras.layers.Layer]:
    return mlp([90, 108, 10], classes)


BODIES = {
    "digits": _digits,
    "diabetes": _diabetes,
    "mnist": _mnist,
    "cifar10": _cifar10,
    "cifar10_train": _cifar10,
    "sat6": _sat6,
    "california_housing": _california_housing,
}
