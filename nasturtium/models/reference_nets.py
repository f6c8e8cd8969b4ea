"""The reference net of each data set."""

import itertools
from collections.abc import Mapping, Sequence

import tf_keras as keras

from nasturtium.errors import TrainingError
from nasturtium.models.frame import Frame, build_framed

PARAMETERS = {
    "digits": 11_034,
    "diabetes": 2_817,
    "mnist": 483_482,
    "cifar10": 122_570,
    "cifar10_train": 122_570,
    "sat6": 184_454,
    "california_housing": 11_739,
}


def build_reference(
    dataset: str, frame: Frame, reference: str | Mapping | None = None
) -> keras.Model:
    """The untrained reference net of ``dataset``.

    Parameters
    ----------
    reference
        For a data set of the user's: the name of a built-in one whose net it is, ``{"mlp": [units,
        ...]}``, ``{"cnn": {"filters": [...], "dense": [...]}}`` or, for sequences, ``{"cnn1d":
        {"filters": [...], "kernel_size": 5, "dense": [...]}}``; None for a built-in data set.

    Raises
    ------
    AssertionError
        A built-in net has another number of parameters than the study says.
    TrainingError
        The samples are too small for the net of another data set.
    """
    name = f"{dataset}_reference"
    if reference is None:
        model = build_framed(frame, _BODIES[dataset](frame.classes), name=name)
        assert model.count_params() == PARAMETERS[dataset], (dataset, model.count_params())
        return model
    if isinstance(reference, str):
        body = _BODIES[reference](frame.classes)
    elif "mlp" in reference:
        flat = [_flatten()] if len(frame.input_shape) > 1 else []
        body = [*flat, *mlp(reference["mlp"], frame.classes)]
    elif "textcnn" in reference:
        body = _textcnn(reference["textcnn"], frame)
    elif "cnn1d" in reference:
        body = _cnn1d(reference["cnn1d"], frame.classes)
    else:
        body = _cnn(reference["cnn"], frame.classes)
    try:
        return build_framed(frame, body, name=name)
    except ValueError as error:
        raise TrainingError(
            f"Data set '{dataset}': its samples of shape {frame.input_shape} don't fit the "
            f"reference net {reference!r}; choose another under own_datasets.{dataset}.reference."
        ) from error


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


def _flatten() -> keras.layers.Layer:
    return keras.layers.Flatten(name="flatten")


def _cnn(sizes: Mapping, classes: int | None) -> list[keras.layers.Layer]:
    """3x3 convolutions, each followed by a 2x2 maximum, then dense layers."""
    blocks = [
        (_conv(filters, f"conv_{i}", "same"), _pool(f"pool_{i}"))
        for i, filters in enumerate(sizes["filters"])
    ]
    return [*itertools.chain(*blocks), _flatten(), *mlp(sizes["dense"], classes)]


def _cnn1d(sizes: Mapping, classes: int | None) -> list[keras.layers.Layer]:
    """Convolutions over the steps, each followed by a maximum of two, then dense layers.

    As LeCun and Bengio (1995) convolve series; their order is kept up to the dense layers.
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
    return [*itertools.chain(*blocks), _flatten(), *mlp(sizes["dense"], classes)]


def _textcnn(sizes: Mapping, frame: Frame) -> list:
    """An embedding, convolutions of several widths and their maxima over the text, dense layers.

    Kim 2014 (arXiv 1408.5882), with half of the maxima dropped in training, as there.
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
        layers.Embedding(frame.vocabulary, sizes["embedding"], name="embedding"),
        maxima,
        layers.Dropout(0.5, name="dropout"),
        *mlp(sizes["dense"], frame.classes),
    ]


def _digits(classes: int) -> list[keras.layers.Layer]:
    return [
        _conv(16, "conv_0", "same"),
        _conv(16, "conv_1", "same"),
        _pool("pool_0"),
        _flatten(),
        *mlp([32], classes),
    ]


def _diabetes(classes: None) -> list[keras.layers.Layer]:
    return mlp([64, 32], classes)


def _mnist(classes: int) -> list[keras.layers.Layer]:
    return [_flatten(), *mlp([528, 128], classes)]


def _cifar10(classes: int) -> list[keras.layers.Layer]:
    return [
        _conv(32, "conv_0"),
        _pool("pool_0"),
        _conv(64, "conv_1"),
        _pool("pool_1"),
        _conv(64, "conv_2"),
        _flatten(),
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
        _flatten(),
        *mlp([128, 128], classes),
    ]


def _california_housing(classes: None) -> list[keras.layers.Layer]:
    return mlp([90, 108, 10], classes)


_BODIES = {
    "digits": _digits,
    "diabetes": _diabetes,
    "mnist": _mnist,
    "cifar10": _cifar10,
    "cifar10_train": _cifar10,
    "sat6": _sat6,
    "california_housing": _california_housing,
}
