"""The reference net of each data set."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tf_keras as keras

from nasturtium.errors import TrainingError
from nasturtium.models.copies import on_other_input
from nasturtium.models.encoding import encoded
from nasturtium.models.frame import Frame, build_framed
from nasturtium.models.literature import PUBLISHED, literature_features
from nasturtium.models.residual import residual_features

# The features of a net whose units and filters are multiplied by a scale.
Reference = Callable[[float], Callable[[tf.Tensor], tf.Tensor]]

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
        What stands in its place, or of a data set of the user's: the name of a built-in data set
        whose net it is or of a net of the literature, ``{"mlp": [units, ...]}``,
        ``{"mlp": {"units": [...], "bins": 40}}`` with encoded columns,
        ``{"cnn": {"filters": [...], "dense": [...]}}``, for sequences ``{"cnn1d": {"filters":
        [...], "kernel_size": 5, "dense": [...]}}``, or
        ``{"residual": {"filters": [...], "blocks": 2, "dense": [...]}}``; None for a built-in data
        set's own.

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
    try:
        features = reference_features(dataset, reference, vocabulary=frame.vocabulary)
        return build_framed(
            frame, lambda tensor: output_layer(frame.classes)(features(tensor)), name=name
        )
    except ValueError as error:
        raise TrainingError(
            f"Data set '{dataset}': its samples of shape {frame.input_shape} don't fit the "
            f"reference net {reference!r}; choose another as its reference."
        ) from error


def reference_features(
    dataset: str,
    reference: str | Mapping | None = None,
    scale: float = 1.0,
    vocabulary: int | None = None,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The reference net of ``dataset`` without its output layer, as a function of its input.

    Parameters
    ----------
    reference
        As of :func:`build_reference`.
    scale
        Units and filters are multiplied by it; each layer keeps at least one.
    vocabulary
        Of texts: indices of words.
    """
    if isinstance(reference, str) and reference in PUBLISHED:
        features = literature_features(reference)
    elif reference is None or isinstance(reference, str):
        # The classes are the output layer's, which is left out.
        features = _row(_BODIES[reference or dataset](None)[:-1])
    elif "mlp" in reference:
        features = _encoded_mlp(reference["mlp"])
    elif "residual" in reference:
        features = _residual(reference["residual"])
    elif "textcnn" in reference:
        features = _row(_textcnn(reference["textcnn"], vocabulary)[:-1])
    elif "cnn1d" in reference:
        features = _row(_cnn1d(reference["cnn1d"], None)[:-1])
    else:
        features = _row(_cnn(reference["cnn"], None)[:-1])
    return features if scale == 1 else lambda tensor: _scaled(features, tensor, scale)


def scaled_reference(
    dataset: str,
    training: Mapping,
    reference: str | Mapping | None,
    vocabulary: int | None = None,
) -> Reference:
    """For a search space: the reference net without its output layer, by scale.

    Parameters
    ----------
    training
        Section ``training`` of the settings, whose ``reference`` wins.
    reference
        The data set's own.
    """
    chosen = training.get("reference") or reference
    return lambda scale: reference_features(dataset, chosen, scale, vocabulary)


def _row(layers: Sequence[keras.layers.Layer]) -> Callable[[tf.Tensor], tf.Tensor]:
    def features(tensor: tf.Tensor) -> tf.Tensor:
        for layer in layers:
            tensor = layer(tensor)
        return tensor

    return features


def _encoded_mlp(sizes: Sequence[int] | Mapping) -> Callable[[tf.Tensor], tf.Tensor]:
    units, bins = (
        (sizes["units"], sizes.get("bins", 0)) if isinstance(sizes, Mapping) else (sizes, 0)
    )

    def features(tensor: tf.Tensor) -> tf.Tensor:
        if len(tensor.shape) > 2:
            tensor = _flatten()(tensor)
        elif bins:
            tensor = encoded(tensor, bins)
        return _row(mlp(units, None)[:-1])(tensor)

    return features


def _residual(sizes: Mapping) -> Callable[[tf.Tensor], tf.Tensor]:
    filters, blocks = sizes["filters"], sizes.get("blocks", 1)

    def features(tensor: tf.Tensor) -> tf.Tensor:
        tensor = residual_features(
            tensor,
            stem=filters[0],
            filters=filters,
            blocks=[blocks] * len(filters),
            halvings=sizes.get("halvings"),
            separable=sizes.get("separable", False),
        )
        return _row(mlp(sizes.get("dense", []), None)[:-1])(tensor)

    return features


def _scaled(features: Callable, tensor: tf.Tensor, scale: float) -> tf.Tensor:
    """``features`` of ``tensor`` with all units and filters multiplied by ``scale``."""
    inputs = keras.Input(tensor.shape[1:])

    def scaled(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        for key in ("units", "filters", "output_dim"):
            if key in config:
                config[key] = max(1, round(config[key] * scale))
        return type(layer).from_config(config)

    return on_other_input(keras.Model(inputs, features(inputs)), tensor, scaled)


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


def _textcnn(sizes: Mapping, vocabulary: int) -> list:
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
