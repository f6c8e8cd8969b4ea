"""The rules of depthwise and separable convolutions.

A depthwise kernel's last two axes are (channels, multiplier).
"""

import numpy as np

from nasturtium.compaction.kernels import (
    Weighted,
    any_over_space,
    bias_of,
    contribution,
    foldable,
    sum_over_space,
    with_bias,
    zero_rows,
)


def _channel_axis(step) -> int:
    """The axis of the input channels, after the one or two spatial axes."""
    return len(step.layer.kernel_size)


class Depthwise(Weighted):
    """DepthwiseConv1D and 2D: each channel by itself, ``depth_multiplier`` outputs per input."""

    attributes = ("depthwise_kernel", "bias")

    def connect(self, step, ins, new):
        """Output ``j * multiplier + q`` belongs to input ``j``."""
        return np.repeat(ins[0], step.layer.depth_multiplier), []

    def constants(self, step, weights, ins):
        """An output is constant if its kernel is zero or its input folds."""
        fold = foldable(step.layer, ins[0])
        live = any_over_space(weights["depthwise_kernel"])
        amount = self._amount(weights["depthwise_kernel"], fold, ins)
        varies = (live & ~fold[:, None]).ravel()
        return self._activated(step, amount + bias_of(weights), varies)

    def reads(self, step, weights, ins, needed):
        """An input is needed if any of its outputs is, through a kernel that is not zero."""
        needed = self._read(step, needed).reshape(len(ins[0]), -1)
        live = any_over_space(weights["depthwise_kernel"])
        return [(live & needed).any(axis=1) & ~foldable(step.layer, ins[0])]

    def absorbs(self, step, ins):
        """Its outputs are in the group of its input, so they are removed together."""
        return np.ones(len(ins[0]), bool)

    def fold(self, step, weights, ins, needed):
        """Move foldable inputs into the bias."""
        fold = foldable(step.layer, ins[0])
        amount = self._amount(weights["depthwise_kernel"], fold, ins)
        amount[~self._read(step, needed)] = 0
        changed = with_bias(weights, amount)
        changed["depthwise_kernel"] = zero_rows(weights["depthwise_kernel"], fold)
        return changed

    def axes(self, step, ins, out):
        """The kernel is (\\*space, channels, multiplier)."""
        kernel = {_channel_axis(step): ("out", ins[0])}
        return {"depthwise_kernel": kernel, "bias": {0: ("out", out)}}

    def _amount(self, kernel, fold, ins) -> np.ndarray:
        return (np.where(fold, ins[0], 0.0)[:, None] * sum_over_space(kernel)).ravel()


class Separable(Weighted):
    """SeparableConv1D and SeparableConv2D: a depthwise kernel without bias, then a 1x1 kernel."""

    attributes = ("depthwise_kernel", "pointwise_kernel", "bias")

    def connect(self, step, ins, new):
        """Every output channel is new."""
        return new(step.out_shapes[0][-1]), []

    def constants(self, step, weights, ins):
        """An output is constant if each intermediate channel is zero-weighted or constant."""
        between = self._between(step, weights, ins)
        pointwise = weights["pointwise_kernel"]
        fold = ~np.isnan(between)
        varies = any_over_space(pointwise)[~fold].any(axis=0)
        value = contribution(pointwise, fold, [between]) + bias_of(weights)
        return self._activated(step, value, varies)

    def reads(self, step, weights, ins, needed):
        """Through the pointwise rows to the intermediate channels, then to the inputs."""
        varying = np.isnan(self._between(step, weights, ins))
        columns = any_over_space(weights["pointwise_kernel"])[:, self._read(step, needed)]
        return [(columns.any(axis=1) & varying).reshape(len(ins[0]), -1).any(axis=1)]

    def fold(self, step, weights, ins, needed):
        """Move constant intermediate channels into the bias and zero their pointwise rows."""
        between = self._between(step, weights, ins)
        fold = ~np.isnan(between)
        amount = contribution(weights["pointwise_kernel"], fold, [between])
        amount[~self._read(step, needed)] = 0
        changed = with_bias(weights, amount)
        changed["pointwise_kernel"] = zero_rows(weights["pointwise_kernel"], fold)
        return changed

    def axes(self, step, ins, out):
        """The pointwise rows are the intermediate channels."""
        between = np.repeat(ins[0], step.layer.depth_multiplier)
        axis = _channel_axis(step)
        return {
            "depthwise_kernel": {axis: ("in", ins[0])},
            "pointwise_kernel": {axis: ("in", between), axis + 1: ("out", out)},
            "bias": {0: ("out", out)},
        }

    def config(self, step, kept_out):
        """The outputs are the filters."""
        return {"filters": kept_out}

    def _between(self, step, weights, ins) -> np.ndarray:
        """Return the constants between the two kernels, shape ``(inputs * multiplier,)``."""
        kernel = weights["depthwise_kernel"]
        fold = foldable(step.layer, ins[0])[:, None]
        amount = np.where(fold, np.nan_to_num(ins[0])[:, None] * sum_over_space(kernel), np.nan)
        return np.where(any_over_space(kernel), amount, 0.0).ravel()
