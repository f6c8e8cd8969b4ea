"""The rules of layers with weights: Dense, convolutions, depthwise, separable, BatchNormalization.

A kernel's last two axes are (input channels, output channels) for Dense and convolutions, and
(channels, multiplier) for depthwise kernels.
"""

import numpy as np

from nasturtium.compaction.rules import Rule, acts_elementwise, apply_to_constants, channels_first


def _any_over_space(kernel: np.ndarray) -> np.ndarray:
    """Return (inputs, outputs), bool: is any tap between the two not zero?"""
    return (kernel != 0).any(axis=tuple(range(kernel.ndim - 2)))


def _sum_over_space(kernel: np.ndarray) -> np.ndarray:
    return kernel.astype(np.float64).sum(axis=tuple(range(kernel.ndim - 2)))


def _foldable(layer, constants: np.ndarray) -> np.ndarray:
    """Return which input channels contribute the same amount at every position.

    Padded borders see zeros in place of the constant, so with any padding only a constant zero
    does, unless the kernel is 1 wide and nothing is padded.
    """
    pads = (
        getattr(layer, "padding", "valid") != "valid"
        and np.max(getattr(layer, "kernel_size", 1)) > 1
    )
    return (constants == 0) if pads else ~np.isnan(constants)


def _zero_rows(kernel: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the kernel with ``rows``, bool on its axis before the last, set to zero."""
    return np.where(rows[:, None], kernel.dtype.type(0), kernel)


def _with_bias(weights, amount: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weights with ``amount``, shape ``(outputs,)``, added to the bias.

    A layer without a bias gets one only if there is something to add.
    """
    changed = dict(weights)
    if "bias" in weights:
        bias = weights["bias"]
        changed["bias"] = (bias.astype(np.float64) + amount).astype(bias.dtype)
    elif np.any(amount != 0):
        changed["bias"] = amount.astype(next(iter(weights.values())).dtype)
    return changed


class Weighted(Rule):
    """What layers with a kernel and a fused activation have in common."""

    def refusal(self, step):
        """Refuse grouped convolutions and other channel positions."""
        if getattr(step.layer, "groups", 1) != 1:
            return "its convolution is grouped (groups > 1)"
        return channels_first(step.layer)

    def mixes(self, step):
        """A fused softmax, or a function that is not known, ties the output channels together."""
        if acts_elementwise(step.layer.activation):
            return None
        name = getattr(step.layer.activation, "__name__", type(step.layer.activation).__name__)
        return f"its activation {name} may mix channels"

    def absorbs(self, step, ins):
        """A constant input can go if it folds into the bias."""
        return _foldable(step.layer, ins[0])

    def _activated(self, step, values: np.ndarray, varies: np.ndarray) -> np.ndarray:
        """Return the output's constants from pre-activations, NaN where they vary."""
        if self.mixes(step):
            return np.full(len(values), np.nan)
        values = np.where(varies, np.nan, values)
        activation = step.layer.activation
        return values if activation is None else apply_to_constants(activation, values)

    def _read(self, step, needed: np.ndarray) -> np.ndarray:
        return np.ones_like(needed) if self.mixes(step) else needed


class Kernel(Weighted):
    """Dense, Conv1D and Conv2D."""

    attributes = ("kernel", "bias")

    def connect(self, step, ins, new):
        """Every output channel is new."""
        return new(step.out_shapes[0][-1]), []

    def constants(self, step, weights, ins):
        """An output is constant if each of its inputs is zero-weighted or foldable."""
        fold = _foldable(step.layer, ins[0])
        kernel = weights["kernel"]
        varies = _any_over_space(kernel)[~fold].any(axis=0)
        return self._activated(step, _contribution(kernel, fold, ins) + _bias(weights), varies)

    def reads(self, step, weights, ins, needed):
        """An input is needed if a weight leads from it to a needed output and it can't fold."""
        used = _any_over_space(weights["kernel"])[:, self._read(step, needed)].any(axis=1)
        return [used & ~_foldable(step.layer, ins[0])]

    def fold(self, step, weights, ins, needed):
        """Move foldable inputs into the bias; zero their rows, for some may have to stay."""
        fold = _foldable(step.layer, ins[0])
        amount = _contribution(weights["kernel"], fold, ins)
        amount[~self._read(step, needed)] = 0
        changed = _with_bias(weights, amount)
        changed["kernel"] = _zero_rows(weights["kernel"], fold)
        return changed

    def axes(self, step, ins, out):
        """Rows are inputs, columns outputs."""
        rank = 2 if not hasattr(step.layer, "kernel_size") else len(step.layer.kernel_size) + 2
        return {
            "kernel": {rank - 2: ("in", ins[0]), rank - 1: ("out", out)},
            "bias": {0: ("out", out)},
        }

    def config(self, step, kept_out):
        """Dense has units, convolutions have filters."""
        return {"filters" if hasattr(step.layer, "filters") else "units": kept_out}


def _contribution(kernel: np.ndarray, fold: np.ndarray, ins) -> np.ndarray:
    """Return what the foldable inputs add to each output, shape ``(outputs,)``, float64."""
    rows = _sum_over_space(kernel[..., fold, :])
    return ins[0][fold] @ rows


def _bias(weights) -> np.ndarray | float:
    return weights["bias"].astype(np.float64) if "bias" in weights else 0.0


class Depthwise(Weighted):
    """DepthwiseConv2D: each channel by itself, ``depth_multiplier`` outputs an input."""

    attributes = ("depthwise_kernel", "bias")

    def connect(self, step, ins, new):
        """Output ``j * multiplier + q`` belongs to input ``j``."""
        return np.repeat(ins[0], step.layer.depth_multiplier), []

    def constants(self, step, weights, ins):
        """An output is constant if its kernel is zero or its input folds."""
        fold = _foldable(step.layer, ins[0])
        live = _any_over_space(weights["depthwise_kernel"])
        amount = self._amount(weights["depthwise_kernel"], fold, ins)
        varies = (live & ~fold[:, None]).ravel()
        return self._activated(step, amount + _bias(weights), varies)

    def reads(self, step, weights, ins, needed):
        """An input is needed if any of its outputs is, through a kernel that is not zero."""
        needed = self._read(step, needed).reshape(len(ins[0]), -1)
        live = _any_over_space(weights["depthwise_kernel"])
        return [(live & needed).any(axis=1) & ~_foldable(step.layer, ins[0])]

    def absorbs(self, step, ins):
        """Its outputs are in the group of its input, so they go with it."""
        return np.ones(len(ins[0]), bool)

    def fold(self, step, weights, ins, needed):
        """Move foldable inputs into the bias."""
        fold = _foldable(step.layer, ins[0])
        amount = self._amount(weights["depthwise_kernel"], fold, ins)
        amount[~self._read(step, needed)] = 0
        changed = _with_bias(weights, amount)
        changed["depthwise_kernel"] = _zero_rows(weights["depthwise_kernel"], fold)
        return changed

    def axes(self, step, ins, out):
        """The kernel is (height, width, channels, multiplier)."""
        return {"depthwise_kernel": {2: ("out", ins[0])}, "bias": {0: ("out", out)}}

    def _amount(self, kernel, fold, ins) -> np.ndarray:
        return (np.where(fold, ins[0], 0.0)[:, None] * _sum_over_space(kernel)).ravel()


class Separable(Weighted):
    """SeparableConv2D: a depthwise kernel without bias, then a 1x1 kernel."""

    attributes = ("depthwise_kernel", "pointwise_kernel", "bias")

    def connect(self, step, ins, new):
        """Every output channel is new."""
        return new(step.out_shapes[0][-1]), []

    def constants(self, step, weights, ins):
        """An output is constant if each intermediate channel is zero-weighted or constant."""
        between = self._between(step, weights, ins)
        pointwise = weights["pointwise_kernel"]
        fold = ~np.isnan(between)
        varies = _any_over_space(pointwise)[~fold].any(axis=0)
        value = _contribution(pointwise, fold, [between]) + _bias(weights)
        return self._activated(step, value, varies)

    def reads(self, step, weights, ins, needed):
        """Through the pointwise rows to the intermediate channels, then to the inputs."""
        varying = np.isnan(self._between(step, weights, ins))
        columns = _any_over_space(weights["pointwise_kernel"])[:, self._read(step, needed)]
        return [(columns.any(axis=1) & varying).reshape(len(ins[0]), -1).any(axis=1)]

    def fold(self, step, weights, ins, needed):
        """Move constant intermediate channels into the bias and zero their pointwise rows."""
        between = self._between(step, weights, ins)
        fold = ~np.isnan(between)
        amount = _contribution(weights["pointwise_kernel"], fold, [between])
        amount[~self._read(step, needed)] = 0
        changed = _with_bias(weights, amount)
        changed["pointwise_kernel"] = _zero_rows(weights["pointwise_kernel"], fold)
        return changed

    def axes(self, step, ins, out):
        """The pointwise rows are the intermediate channels."""
        between = np.repeat(ins[0], step.layer.depth_multiplier)
        return {
            "depthwise_kernel": {2: ("in", ins[0])},
            "pointwise_kernel": {2: ("in", between), 3: ("out", out)},
            "bias": {0: ("out", out)},
        }

    def config(self, step, kept_out):
        """The outputs are the filters."""
        return {"filters": kept_out}

    def _between(self, step, weights, ins) -> np.ndarray:
        """Return the constants between the two kernels, shape ``(inputs * multiplier,)``."""
        kernel = weights["depthwise_kernel"]
        fold = _foldable(step.layer, ins[0])[:, None]
        amount = np.where(fold, np.nan_to_num(ins[0])[:, None] * _sum_over_space(kernel), np.nan)
        return np.where(_any_over_space(kernel), amount, 0.0).ravel()


class BatchNorm(Rule):
    """BatchNormalization on the last axis, with its moving statistics (inference)."""

    attributes = ("gamma", "beta", "moving_mean", "moving_variance")

    def refusal(self, step):
        """Refuse other axes and renormalisation."""
        axis = step.layer.axis
        axis = list(axis) if isinstance(axis, (list, tuple)) or hasattr(axis, "__len__") else [axis]
        if axis not in ([-1], [len(step.in_shapes[0]) - 1]):
            return "it does not normalise along the last axis"
        if getattr(step.layer, "renorm", False):
            return "it renormalises (renorm)"
        return None

    def constants(self, step, weights, ins):
        """An affine function of a constant; beta alone where gamma is zero."""
        weights = {name: value.astype(np.float64) for name, value in weights.items()}
        gamma = weights.get("gamma", np.ones(len(ins[0])))
        scale = gamma / np.sqrt(weights["moving_variance"] + step.layer.epsilon)
        centred = np.where(gamma == 0, 0.0, (ins[0] - weights["moving_mean"]) * scale)
        return centred + weights.get("beta", 0.0)

    def reads(self, step, weights, ins, needed):
        """Where gamma is zero the input does not matter."""
        return [needed & (weights["gamma"] != 0) if "gamma" in weights else needed]

    def axes(self, step, ins, out):
        """Zeros in gamma, beta and the mean make a zero channel; the variance has no say."""
        names = ("gamma", "beta", "moving_mean")
        return {name: {0: ("out", out)} for name in names} | {"moving_variance": {0: ("in", out)}}
