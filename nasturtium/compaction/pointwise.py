"""The rules of layers with separate weights per channel: BatchNormalization and PReLU."""

import numpy as np

from nasturtium.compaction.rules import Rule


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
        scale, offset = self.affine(step, weights)
        return np.where(scale == 0, offset, ins[0] * scale + offset)

    def affine(self, step, weights) -> tuple[np.ndarray, np.ndarray]:
        """Return scale and offset of each channel at inference, float64 ``(channels,)``."""
        weights = {name: value.astype(np.float64) for name, value in weights.items()}
        scale = weights.get("gamma", 1.0) / np.sqrt(weights["moving_variance"] + step.layer.epsilon)
        return scale, weights.get("beta", 0.0) - weights["moving_mean"] * scale

    def reads(self, step, weights, ins, needed):
        """If gamma is zero, the input does not matter."""
        return [needed & (weights["gamma"] != 0) if "gamma" in weights else needed]

    def axes(self, step, ins, out):
        """Zeros in gamma, beta and the mean make a zero channel; the variance does not matter."""
        names = ("gamma", "beta", "moving_mean")
        return {name: {0: ("out", out)} for name in names} | {"moving_variance": {0: ("in", out)}}


class Slopes(Rule):
    """PReLU: a learnt slope below zero, for each channel or for each value of a sample."""

    attributes = ("alpha",)

    def refusal(self, step):
        """Refuse slopes that are shared along the channels."""
        if step.layer.alpha.shape[-1] != step.in_shapes[0][-1]:
            return "its slopes are shared along the channels"
        return super().refusal(step)

    def constants(self, step, weights, ins):
        """Keep non-negative constants; scale negative ones if all slopes of a channel are equal."""
        slopes = weights["alpha"].astype(np.float64).reshape(-1, len(ins[0]))
        below = np.where((slopes == slopes[0]).all(axis=0), ins[0] * slopes[0], np.nan)
        return np.where(ins[0] >= 0, ins[0], below)

    def axes(self, step, ins, out):
        """A slope does not affect whether its channel is zero."""
        return {"alpha": {len(step.layer.alpha.shape) - 1: ("in", out)}}
