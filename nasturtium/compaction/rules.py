"""The effect of layers on channels: the base of all rules, and rules of layers without a kernel.

A rule answers the same few questions for each kind of layer. *connect*: which group is each output
channel in? *constants*: which output channels have the same value for every input, and which
value? *reads*: which input channels matter for the outputs that matter? *fold*: the weights after
constant inputs have moved into the bias. *axes*: which weight axes run along channels? Constants
are float64 arrays of shape ``(channels,)``, NaN where a channel is not constant.
"""

import numpy as np
import tensorflow as tf
import tf_keras as keras

layers = keras.layers

# Activations are identified by the function itself, not its name, so a user's own `relu` isn't
# trusted.
_NAMES = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "mish", "swish", "silu", "sigmoid"),
    *("hard_sigmoid", "tanh", "softplus", "softsign", "exponential", "exp", "linear"),
)
_ELEMENTWISE = [
    getattr(module, name)
    for module in (keras.activations, tf.nn, tf.math)
    for name in _NAMES
    if hasattr(module, name)
]


def acts_elementwise(activation) -> bool:
    """Return whether an activation function is known to act on each value by itself."""
    return activation is None or any(activation is known for known in _ELEMENTWISE)


def apply_to_constants(function, values: np.ndarray) -> np.ndarray:
    """Apply an elementwise TensorFlow function to constants, shape ``(channels,)``; NaN stays NaN.

    Computed in float64, since a constant passes through many layers before it is rounded once, in a
    bias. Values that are zero in float32 count as zero, and results that are not finite in float32
    as unknown (NaN), since they can't be moved into a bias.
    """
    known = ~np.isnan(values)
    inputs = tf.constant(np.where(known, values, 0.0)[None], tf.float64)
    result = np.asarray(function(inputs), dtype=np.float64)[0]
    with np.errstate(over="ignore", under="ignore"):
        stored = result.astype(np.float32)
    return np.where(known & np.isfinite(stored), np.where(stored == 0, 0.0, result), np.nan)


def channels_first(layer) -> str | None:
    """Return the reason why a layer is refused when its channels are not on the last axis."""
    if getattr(layer, "data_format", None) == "channels_first":
        return "its channels are not on the last axis (channels_first)"
    return None


class Rule:
    """A layer that passes each channel on by itself; the base of all rules."""

    attributes: tuple[str, ...] = ()

    def refusal(self, step) -> str | None:
        """Return why this rule can't be used for the step, or None."""
        if step.in_shapes[0][-1] != step.out_shapes[0][-1]:
            return "it changes the number of channels"
        return channels_first(step.layer)

    def connect(self, step, ins, new):
        """Return the identifiers of the output, and pairs of arrays to be merged."""
        return ins[0], []

    def mixes(self, step) -> str | None:
        """Return why the output channels depend on each other, or None."""
        return None

    def constants(self, step, weights, ins) -> np.ndarray:
        """Return the constants of the output from those of the inputs."""
        return ins[0]

    def reads(self, step, weights, ins, needed) -> list[np.ndarray]:
        """Return which channels of each input are needed for the ``needed`` ones of the output."""
        return [needed]

    def remaining(self, ins, needed, kept) -> list[int]:
        """Return the positions of the inputs that the layer's call needs.

        ``kept`` has, for each input, which of its channels stay (bool).
        """
        return list(range(len(ins)))

    def absorbs(self, step, ins) -> np.ndarray:
        """Return which constant channels of the first input this layer does not need."""
        return np.ones(len(ins[0]), bool)

    def fold(self, step, weights, ins, needed) -> dict[str, np.ndarray]:
        """Return the weights with the contribution of constant inputs moved into the bias."""
        return dict(weights)

    def axes(self, step, ins, out) -> dict[str, dict[int, tuple[str, np.ndarray]]]:
        """Return weight -> axis -> (role, groups); role ``out``: zeros there make zero channels."""
        return {}

    def config(self, step, kept_out: int) -> dict:
        """Return the changes of the layer's configuration for ``kept_out`` output channels."""
        return {}


class Unknown(Rule):
    """An unknown layer: it needs every input, and its outputs are new channels."""


class PassThrough(Rule):
    """Dropout, noise, pooling, cropping, upsampling: a constant channel stays that constant.

    This includes pooling with 'same' padding: max pooling pads with minus infinity, and average
    pooling excludes the padding from its mean.
    """

    def refusal(self, step):
        """Refuse a Dropout with a noise shape, which may name the number of channels."""
        if getattr(step.layer, "noise_shape", None) is not None:
            return "it has a noise shape"
        return super().refusal(step)


class Elementwise(Rule):
    """An activation as a separate layer; a softmax or a user's function is refused."""

    def refusal(self, step):
        """Refuse functions that do not act on each value by itself."""
        activation = getattr(step.layer, "activation", None)
        if isinstance(step.layer, layers.Activation) and not acts_elementwise(activation):
            name = getattr(activation, "__name__", type(activation).__name__)
            return f"its activation {name} may mix channels"
        return super().refusal(step)

    def constants(self, step, weights, ins):
        """Apply the activation."""
        return apply_to_constants(step.layer.call, ins[0])


class Rescale(Elementwise):
    """Rescaling by one factor and offset for all channels."""

    def refusal(self, step):
        """Refuse separate factors per channel, since they are not weights."""
        if np.ndim(step.layer.scale) or np.ndim(step.layer.offset):
            return "it has a factor or offset for each channel"
        return super().refusal(step)


class ZeroPad(Rule):
    """Zero padding: only a constant zero stays constant."""

    def constants(self, step, weights, ins):
        """Keep the zeros."""
        return np.where(ins[0] == 0, 0.0, np.nan)


class Flatten(Rule):
    """Flatten: channels run fastest, so the identifiers repeat as a whole at each position."""

    def refusal(self, step):
        """Refuse unknown sizes."""
        return channels_first(step.layer)

    def connect(self, step, ins, new):
        """Tile, not repeat: position 0 has channels 0..C-1, then position 1, and so on."""
        return np.tile(ins[0], self._positions(step)), []

    def constants(self, step, weights, ins):
        """Tile like the identifiers."""
        return np.tile(ins[0], self._positions(step))

    def reads(self, step, weights, ins, needed):
        """A channel is needed if it is at any position."""
        return [needed.reshape(self._positions(step), -1).any(axis=0)]

    def _positions(self, step) -> int:
        return step.out_shapes[0][-1] // step.in_shapes[0][-1]


class Reshape(Rule):
    """A Reshape that keeps the last axis, such as to (1, 1, channels)."""

    def refusal(self, step):
        """Refuse another last axis, and more than one unknown size."""
        if step.in_shapes[0][-1] != step.out_shapes[0][-1]:
            return "it changes the last axis"
        if list(step.out_shapes[0][1:]).count(None) > 1:
            return "more than one of its sizes is not known"
        return None

    def config(self, step, kept_out):
        """The target shape names the channels."""
        sizes = [-1 if size is None else size for size in step.out_shapes[0][1:-1]]
        return {"target_shape": (*sizes, kept_out)}


class Merge(Rule):
    """Add, Multiply and the like: position by position, so the channels are one group."""

    def __init__(self, function, neutral: float | None = None, first: int = 0) -> None:
        """``function`` merges constants of shape ``(inputs, channels)`` along the first axis.

        An input, from position ``first`` on, that is ``neutral`` everywhere has no effect.
        """
        self.function, self.neutral, self.first = function, neutral, first

    def refusal(self, step):
        """Refuse broadcasting along channels or ranks."""
        if len({(len(s), s[-1]) for s in step.in_shapes + step.out_shapes}) > 1:
            return "it broadcasts along channels or ranks"
        return None

    def connect(self, step, ins, new):
        """Merge the inputs' identifiers."""
        return ins[0], [(ins[0], other) for other in ins[1:]]

    def constants(self, step, weights, ins):
        """Merge constants; a product with a constant zero is zero."""
        stacked = np.stack(ins)
        merged = self.function(stacked)
        if self.function is product:
            merged = np.where((stacked == 0).any(axis=0), 0.0, merged)
        return merged

    def reads(self, step, weights, ins, needed):
        """Channels of every input are needed if those of the output are."""
        return [needed for _ in ins]

    def remaining(self, ins, needed, kept):
        """Leave out inputs that are neutral on every channel that is needed."""
        if self.neutral is None:
            return list(range(len(ins)))
        staying = [
            position
            for position, constants in enumerate(ins)
            if position < self.first or np.any(constants[needed] != self.neutral)
        ]
        return staying or [0]


def product(stacked: np.ndarray) -> np.ndarray:
    """Multiply along the first axis."""
    return np.prod(stacked, axis=0)


class Concatenate(Rule):
    """Concatenate along channels."""

    def refusal(self, step):
        """Refuse any axis except the last one."""
        if step.layer.axis not in (-1, len(step.in_shapes[0]) - 1):
            return "it does not concatenate along the last axis"
        return None

    def connect(self, step, ins, new):
        """Put the identifiers one after the other."""
        return np.concatenate(ins), []

    def constants(self, step, weights, ins):
        """Put the constants one after the other."""
        return np.concatenate(ins)

    def reads(self, step, weights, ins, needed):
        """Split."""
        return np.split(needed, np.cumsum([len(c) for c in ins])[:-1])

    def remaining(self, ins, needed, kept):
        """Leave out inputs that lose all channels."""
        return [position for position, stays in enumerate(kept) if stays.any()] or [0]
