"""The reference net of each data set."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tf_keras as keras

from nasturtium.errors import TrainingError
from nasturtium.models.copies import on_other_input
from nasturtium.models.encoding import encoded
from nasturtium.models.frame import Frame, build_framed
from nasturtium.models.literature import PUBLISHED, literature_features
from nasturtium.models.reference_layers import (
    BODIES,
    cnn,
    cnn1d,
    flatten,
    mlp,
    output_layer,
    textcnn,
)
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
        Replaces it, or defines it for a user's own data set: the name of a built-in data set to use
        its net, the name of a net from the literature, ``{"mlp": [units, ...]}``, ``{"mlp":
        {"units": [...], "bins": 40}}`` with encoded columns, ``{"cnn": {"filters": [...], "dense":
        [...]}}``, for sequences ``{"cnn1d": {"filters": [...], "kernel_size": 5, "dense":
        [...]}}``, or ``{"residual": {"filters": [...], "blocks": 2, "dense": [...]}}``; None for a
        built-in data set's own.

    Raises
    ------
    AssertionError
        A built-in net does not have the expected number of parameters.
    TrainingError
        The samples are too small for the net of another data set.
    """
    name = f"{dataset}_reference"
    if reference is None:
        model = build_framed(frame, BODIES[dataset](frame.classes), name=name)
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
            f"reference net {reference!r}; choose another reference net."
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
        See :func:`build_reference`.
    scale
        Units and filters are multiplied by it; each layer keeps at least one.
    vocabulary
        For texts: number of tokens.
    """
    if isinstance(reference, str) and reference in PUBLISHED:
        features = literature_features(reference)
    elif reference is None or isinstance(reference, str):
        # Classes only matter for the output layer, which is left out.
        features = _row(BODIES[reference or dataset](None)[:-1])
    elif "mlp" in reference:
        features = _encoded_mlp(reference["mlp"])
    elif "residual" in reference:
        features = _residual(reference["residual"])
    elif "textcnn" in reference:
        features = _row(textcnn(reference["textcnn"], vocabulary)[:-1])
    elif "cnn1d" in reference:
        features = _row(cnn1d(reference["cnn1d"], None)[:-1])
    else:
        features = _row(cnn(reference["cnn"], None)[:-1])
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
        Section ``training`` of the settings, whose ``reference`` takes precedence.
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
            tensor = flatten()(tensor)
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
