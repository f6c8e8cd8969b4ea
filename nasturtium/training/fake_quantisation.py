"""A net that simulates the rounding of its int8 file in float32, for training.

Jacob et al. 2018 (arXiv 1712.05877, section 3): kernels are rounded to int8 with one scale per
channel, and activations to int8 according to their range. The gradient passes the rounding
unchanged (Bengio et al. 2013, arXiv 1308.3432). In contrast to that paper, ranges are not moving
averages: before each epoch they are determined as by TFLite's converter, as the extremes over the
same number of training samples.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction import fold_batch_normalization
from nasturtium.models.copies import on_other_input

# As many samples as the converter uses.
_CALIBRATION_SAMPLES = 500
_STEPS = 127  # of int8 on either side of zero
_SMALLEST_RANGE = 1e-6

# Kernels by class of layer, with the axes along which TFLite has one scale per entry.
_KERNELS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "Dense": {"kernel": (-1,)},
    "Conv1D": {"kernel": (-1,)},
    "Conv2D": {"kernel": (-1,)},
    "Conv2DTranspose": {"kernel": (-2,)},
    "DepthwiseConv1D": {"depthwise_kernel": (-2, -1)},
    "DepthwiseConv2D": {"depthwise_kernel": (-2, -1)},
    "SeparableConv1D": {"depthwise_kernel": (-2, -1), "pointwise_kernel": (-1,)},
    "SeparableConv2D": {"depthwise_kernel": (-2, -1), "pointwise_kernel": (-1,)},
}
# The outputs of these layers are among their inputs, or have the same or a fixed scale.
_KEEP_SCALE = (
    *("InputLayer", "Flatten", "Reshape", "Permute", "RepeatVector", "ActivityRegularization"),
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout"),
    *("GaussianDropout", "GaussianNoise", "Softmax"),
    *("MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
    *("AveragePooling1D", "AveragePooling2D", "UpSampling1D", "UpSampling2D"),
    *("ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D"),
)
# TFLite fuses these into the operation before, so nothing is rounded in between.
_FUSED = (keras.activations.linear, keras.activations.relu, tf.nn.relu6)


class FakeQuantisation:
    """The net to train instead of ``model``, whose BatchNormalization is folded first.

    Zero weights stay zero, so that the net stays pruned.

    Parameters
    ----------
    samples
        Raw samples of the train split, shape (samples, \\*input_shape); some of them make the
        ranges of the activations.

    Attributes
    ----------
    model
        To be trained with ``callbacks``.
    """

    def __init__(self, model: keras.Model, samples: np.ndarray):
        self._plain = _copy(fold_batch_normalization(model).model)
        self.model = _rounding(self._plain)
        self._watched = _watching(self._plain)
        dtype = model.inputs[0].dtype.as_numpy_dtype
        count = min(_CALIBRATION_SAMPLES, len(samples))
        chosen = np.linspace(0, len(samples) - 1, count).astype(int)
        self._samples = np.asarray(samples[chosen], dtype)
        for layer in self.model.layers:
            if layer.weights and not isinstance(layer, _Rounded):
                original = self._plain.get_layer(_own_name(layer)).get_weights()
                _bearer(layer).set_weights(original)
            if isinstance(layer, _RoundedKernels):
                layer.keep_zeros()
        self.calibrate()
        self.callbacks: Sequence[keras.callbacks.Callback] = [
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: self.calibrate())
        ]

    def calibrate(self) -> None:
        """Set the ranges of the activations to those of the current net without rounding."""
        self._give(self._watched)
        values = self._watched.predict(self._samples, batch_size=128, verbose=0)
        ranges = [layer for layer in self.model.layers if isinstance(layer, _Rounded)]
        for layer, found in zip(ranges, values if len(ranges) > 1 else [values], strict=True):
            low, high = min(float(found.min()), 0.0), max(float(found.max()), 0.0)
            layer.set_weights([np.float32(low), np.float32(max(high, low + _SMALLEST_RANGE))])

    def finish(self) -> keras.Model:
        """The trained net with plain layers, without rounding."""
        self._give(self._plain)
        return self._plain

    def _give(self, model: keras.Model) -> None:
        """Give ``model`` the trained weights."""
        for layer in self.model.layers:
            if layer.weights and not isinstance(layer, _Rounded):
                model.get_layer(_own_name(layer)).set_weights(_bearer(layer).get_weights())


def _copy(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


class _RoundedKernels(keras.layers.Wrapper):
    """Wraps a layer whose kernels are rounded to int8 when it is called."""

    def __init__(self, layer: keras.layers.Layer, kernels: Mapping[str, tuple[int, ...]], **kwargs):
        super().__init__(layer, name=f"{layer.name}_rounded", **kwargs)
        self._kernels = kernels
        self._kept: dict[str, np.ndarray] = {}

    def keep_zeros(self) -> None:
        """From now on, weights that are zero stay zero."""
        self._kept = {name: getattr(self.layer, name).numpy() != 0 for name in self._kernels}

    def call(self, inputs):
        """The layer's outputs."""
        plain = {name: getattr(self.layer, name) for name in self._kernels}
        try:
            for name, kernel in plain.items():
                used = tf.convert_to_tensor(kernel)
                if name in self._kept:
                    used *= tf.cast(self._kept[name], used.dtype)
                # This bypasses Keras, which would no longer train a variable that was replaced.
                object.__setattr__(self.layer, name, rounded(used, self._kernels[name]))
            return self.layer.call(inputs)
        finally:
            for name, kernel in plain.items():
                object.__setattr__(self.layer, name, kernel)


class _Rounded(keras.layers.Layer):
    """Rounds its input to the 256 values of int8 between the ends of a range."""

    def build(self, input_shape):
        """Create the ends of the range, which :meth:`FakeQuantisation.calibrate` sets."""
        for name in ("low", "high"):
            weight = self.add_weight(name, shape=(), initializer="zeros", trainable=False)
            setattr(self, name, weight)
        super().build(input_shape)

    def call(self, inputs):
        """Shape and type of the input."""
        return tf.quantization.fake_quant_with_min_max_vars(inputs, self.low, self.high)


def rounded(kernel: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """``kernel`` in int8 steps, with one scale for each entry of ``axes``; zero stays zero.

    The gradient is that of ``kernel`` itself.
    """
    rank = len(kernel.shape)
    others = [axis for axis in range(rank) if axis - rank not in axes]
    largest = tf.reduce_max(tf.abs(kernel), axis=others, keepdims=True)
    step = tf.maximum(largest, 1e-12) / _STEPS
    return kernel + tf.stop_gradient(tf.round(kernel / step) * step - kernel)


def _rounding(plain: keras.Model) -> keras.Model:
    """A copy of ``plain`` with all the rounding of an int8 file."""

    def kernel_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
        kernels = _KERNELS.get(type(layer).__name__)
        return layer if kernels is None else _RoundedKernels(layer, kernels)

    inputs, outputs = _called(
        plain, kernel_layer, lambda tensor, name: _Rounded(name=f"{name}_range")(tensor)
    )
    return keras.Model(inputs, outputs, name=plain.name)


def _watching(plain: keras.Model) -> keras.Model:
    """A copy of the net without rounding, whose outputs are all tensors that would be rounded."""
    seen: list[tf.Tensor] = []

    def watch(tensor: tf.Tensor, name: str) -> tf.Tensor:
        seen.append(tensor)
        return tensor

    inputs, _ = _called(plain, lambda layer: layer, watch)
    return keras.Model(inputs, seen)


def _called(plain: keras.Model, wrap, watch) -> tuple[tf.Tensor, tf.Tensor]:
    """The graph of ``plain`` on copies of its layers: its input and its output.

    Parameters
    ----------
    wrap
        Returns what is called in place of a layer's copy.
    watch
        Called with a tensor that the int8 file rounds, and its layer's name; returns the tensor to
        use.
    """
    readers = _readers(plain)
    last = plain.outputs[0]._keras_history.layer

    def copy(layer: keras.layers.Layer):
        if isinstance(layer, keras.layers.Rescaling) and layer is last:
            return type(layer).from_config(layer.get_config())  # restores the unit, in float32
        config, after = layer.get_config(), None
        if getattr(layer, "activation", None) not in (None, *_FUSED):
            # It is computed from rounded values.
            after = keras.layers.Activation(layer.activation, name=f"{layer.name}_activation")
            if isinstance(layer, keras.layers.Activation):
                return after
            config["activation"] = "linear"
        called = wrap(type(layer).from_config(config))
        followed = readers.get(layer.name, [])
        is_fused = len(followed) == 1 and _is_relu(followed[0]) and after is None
        is_rounded = type(layer).__name__ not in _KEEP_SCALE and not is_fused

        def call(tensors):
            tensor = called(tensors)
            tensor = watch(tensor, layer.name) if is_rounded else tensor
            return tensor if after is None else after(tensor)

        return call

    inputs = tensor = keras.Input(plain.input_shape[1:], dtype=plain.inputs[0].dtype)
    first = readers[plain.inputs[0]._keras_history.layer.name]
    is_scaled = all(
        isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization) for layer in first
    )
    if plain.inputs[0].dtype.is_floating and not is_scaled:
        tensor = watch(tensor, "input")
    return inputs, on_other_input(plain, tensor, copy)


def _readers(plain: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Which layers read a layer's output, by its name."""
    found: dict[str, list[keras.layers.Layer]] = {}
    for nodes in plain._nodes_by_depth.values():
        for node in nodes:
            for tensor in node.keras_inputs if not node.is_input else []:
                found.setdefault(tensor._keras_history.layer.name, []).append(node.layer)
    return found


def _is_relu(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        plain = not layer.negative_slope and not layer.threshold
        return plain and layer.max_value in (None, 6)
    return isinstance(layer, keras.layers.Activation) and layer.activation in _FUSED


def _bearer(layer: keras.layers.Layer) -> keras.layers.Layer:
    return layer.layer if isinstance(layer, _RoundedKernels) else layer


def _own_name(layer: keras.layers.Layer) -> str:
    return _bearer(layer).name
