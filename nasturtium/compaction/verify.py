"""Compares a compacted model with its original: equal outputs, and nothing left to remove."""

import logging

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction.rewrite import compact
from nasturtium.errors import CompactionError

log = logging.getLogger(__name__)

_EXAMPLES = 16  # random inputs per scale
# As a share of an output's size: the resolution of float32, in which folded constants are stored.
_SMALLEST_SPREAD = 0.03
_UNKNOWN_SIZE = 16  # used for a size that the model leaves open, such as an image's height


def verify(
    original: keras.Model,
    compacted: keras.Model,
    inputs=None,
    tolerance: float = 1e-5,
    seed: int = 0,
    is_complete: bool = True,
) -> float:
    """Return the largest relative error of ``compacted``; refuse an error above ``tolerance``.

    Both models are called in inference mode, on the CPU, so that a GPU's reduced precision
    (TensorFloat-32) does not count as a difference. The compacted model is also called as a graph,
    as in ``predict``, since TensorFlow optimises graphs and uses other kernels in them. If they
    differ by more than the tolerance, they are compared again in float64: a softmax of large logits
    magnifies rounding errors of float32, and sums over fewer terms round differently. A real
    difference remains in float64.

    Parameters
    ----------
    inputs
        Real samples for the models, an array or whatever the models take (a list or dict of arrays
        with the samples along the first axis), besides the random ones that are always used.
    tolerance
        The largest error allowed, relative to the largest distance of the same output from its mean
        over the batch (dimensionless).
    seed
        Seed of the random inputs: normal, and uniform on 0..255 if a Rescaling expects images;
        valid integers for an Embedding.
    is_complete
        Whether compacting again must remove nothing; False if layers were only folded.

    Returns
    -------
    float
        The largest relative error (in float64 if float32 was not enough). Equal outputs, including
        NaN, have the error 0.

    Raises
    ------
    CompactionError
        The error exceeds the tolerance, the outputs have different shapes, the compacted model
        can't be run as a graph, or compacting it again would remove more.
    """
    batches = _random_inputs(original, np.random.default_rng(seed))
    if inputs is not None:
        batches.append(inputs)
    error = _largest_error(original, compacted, batches)
    if error > tolerance and (double := _double_error(original, compacted, batches)) <= tolerance:
        log.warning(
            "the outputs differ by %.1e in float32, but only by %.1e in float64, so the models are "
            "the same and magnify rounding errors",
            error,
            double,
        )
        error = double
    if not error <= tolerance:
        raise CompactionError(
            f"The compacted model must not be used, since its outputs differ from the original's "
            f"by {error:.1e} (relative; allowed: {tolerance:.0e}); please report this model."
        )
    if not is_complete:
        return error
    again = compact(compacted)
    if again.removed_channels or again.removed_layers:
        parts = [f"channels of {layer} ({n})" for layer, n in again.removed_channels.items()]
        parts += [f"layer {layer}" for layer in again.removed_layers]
        raise CompactionError(
            f"The compaction is not complete, since a second one would remove {', '.join(parts)}; "
            "please report this model."
        )
    return error


def _largest_error(original: keras.Model, compacted: keras.Model, batches: list) -> float:
    error = 0.0
    graph = tf.function(lambda batch: compacted(batch, training=False), reduce_retracing=True)
    for batch in batches:
        for name, one, other in _outputs(original, compacted, graph, batch):
            if one.shape != other.shape:
                raise CompactionError(
                    f"The compacted model must not be used, since its output {name!r} has shape "
                    f"{other.shape} instead of {one.shape}; please report this model."
                )
            error = max(error, _relative_error(one, other))
    return error


def _double_error(original: keras.Model, compacted: keras.Model, batches: list) -> float:
    """Return the error in float64; infinite if a layer can't compute in it."""
    try:
        return _largest_error(_in_double(original), _in_double(compacted), batches)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        log.info("the models can't be compared in float64: %s", error)
        return np.inf


def _in_double(model: keras.Model) -> keras.Model:
    """Return a copy that computes in float64."""

    def clone(layer):
        if isinstance(layer, keras.Model):
            return _in_double(layer)
        config = layer.get_config() | {"dtype": "float64"}
        if "activation" in config:
            config["activation"] = layer.activation
        return layer.__class__.from_config(config)

    double = keras.models.clone_model(model, clone_function=clone)
    for layer, single in zip(double.layers, model.layers, strict=True):
        if single.weights and not isinstance(layer, keras.Model):
            layer.set_weights(single.get_weights())
            if hasattr(layer, "finalize_state"):
                layer.finalize_state()
    return double


def _random_inputs(model: keras.Model, random: np.random.Generator) -> list:
    draws = [lambda shape: random.standard_normal(shape)]
    if _scales_down(model):
        draws.append(lambda shape: random.uniform(0, 255, shape))
    known = _known_indices(model)
    batches = []
    for draw in draws:
        arrays = [
            _array(tensor, draw, random, known.get(id(tensor)))
            for tensor in tf.nest.flatten(model.inputs)
        ]
        batches.append(arrays[0] if len(arrays) == 1 else arrays)
    return batches


def _known_indices(model: keras.Model) -> dict[int, int]:
    """Number of valid indices for inputs that an Embedding reads, by the input's id."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    makers = {id(tensor): node for node in nodes for tensor in tf.nest.flatten(node.outputs)}
    known: dict[int, int] = {}
    for node in nodes:
        waiting = list(node.keras_inputs) if isinstance(node.layer, keras.layers.Embedding) else []
        while waiting:
            tensor = waiting.pop()
            maker = makers[id(tensor)]
            waiting += maker.keras_inputs
            if maker.is_input:
                smallest = min(known.get(id(tensor), node.layer.input_dim), node.layer.input_dim)
                known[id(tensor)] = smallest
    return known


def _scales_down(model: keras.Model) -> bool:
    """Return whether the model takes values such as 0..255.

    A net made for values around 1 is not called with such values: its logits would reach thousands,
    where float32 rounding alone makes a softmax differ by more than any tolerance.
    """
    return any(
        isinstance(layer, keras.layers.Rescaling) and np.max(np.abs(layer.scale)) < 0.1
        for layer in model.layers
    )


def _array(tensor, draw, random: np.random.Generator, indices: int | None) -> np.ndarray:
    shape = (_EXAMPLES, *(size or _UNKNOWN_SIZE for size in tensor.shape[1:]))
    dtype = tensor.dtype
    if indices is not None:
        return random.integers(0, indices, shape).astype(dtype.as_numpy_dtype)
    if dtype == tf.string:
        return np.full(shape, "0")
    if dtype == tf.bool:
        return random.integers(0, 2, shape).astype(bool)
    if dtype == tf.uint8:
        return random.integers(0, 256, shape, dtype=np.uint8)
    if dtype.is_integer:
        return random.integers(0, 2, shape).astype(dtype.as_numpy_dtype)  # an index may follow
    return draw(shape).astype(dtype.as_numpy_dtype)


def _outputs(original: keras.Model, compacted: keras.Model, graph, batch):
    """Yield (name, original's output, compacted's output), the latter eagerly and as a graph."""
    with tf.device("/CPU:0"):
        batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
        expected = tf.nest.flatten(original(batch, training=False))
        found = [tf.nest.flatten(compacted(batch, training=False))]
        try:
            found.append(tf.nest.flatten(graph(batch)))
        except tf.errors.OpError as error:
            why = str(error.message).splitlines()[0][:200]
            raise CompactionError(
                f"The compacted model must not be used, since TensorFlow can't run it as a graph "
                f"({why}); please report this model."
            ) from error
    for outputs in found:
        for name, one, other in zip(original.output_names, expected, outputs, strict=True):
            yield name, np.asarray(one, np.float64), np.asarray(other, np.float64)


def _relative_error(one: np.ndarray, other: np.ndarray) -> float:
    """Return max |one - other| over the spread of ``one``; infinite if only one is a number.

    The spread is the largest distance from the mean over the batch, so that a large offset (a price
    of a million) does not hide a wrong net. For an output that hardly varies, a share of its size
    is used instead.
    """
    if not one.size or np.array_equal(one, other, equal_nan=True):
        return 0.0
    difference = np.max(np.abs(one - other))
    if not np.isfinite(difference):
        return np.inf
    spread = np.max(np.abs(one - one.mean(axis=0)))
    floor = max(_SMALLEST_SPREAD * np.max(np.abs(one)), np.finfo(np.float32).tiny)
    return float(difference / max(spread, floor))
