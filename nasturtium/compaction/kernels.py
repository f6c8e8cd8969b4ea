"""The rules of layers with a kernel: Dense and convolutions of all kinds.

A kernel's last two axes are (input channels, output channels) for Dense and convolutions, the other
way round for transposed ones, and (channels, multiplier) for depthwise kernels.
"""

import numpy as np
import tf_keras as keras

from nasturtium.compaction.rules import Rule, acts_elementwise, apply_to_constants, channels_first


def any_over_space(kernel: np.ndarray) -> np.ndarray:
    """Return (inputs, outputs), bool: whether any tap between the two is not zero."""
    return (kernel != 0).any(axis=tuple(range(kernel.ndim - 2)))


def sum_over_space(kernel: np.ndarray) -> np.ndarray:
    """Return the sum of the taps between two channels, float64 ``(inputs, outputs)``."""
    return kernel.astype(np.float64).sum(axis=tuple(range(kernel.ndim - 2)))


def foldable(layer, constants: np.ndarray) -> np.ndarray:
    """Return which input channels contribute the same amount at every position.

    Padded borders have zeros instead of the constant, so with padding only a constant zero does,
    unless the kernel has width 1.
    """
    pads = (
        getattr(layer, "padding", "valid") != "valid"
        and np.max(getattr(layer, "kernel_size", 1)) > 1
    )
    return (constants == 0) if pads else ~np.isnan(constants)


def zero_rows(kernel: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the kernel with ``rows``, bool on its axis before the last, set to zero."""
    return np.where(rows[:, None], kernel.dtype.type(0), kernel)


def with_bias(weights, amount: np.ndarray) -> dict[str, np.ndarray]:
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
    """The common base of layers with a kernel and a fused activation."""

    def refusal(self, step):
        """Refuse other channel positions."""
        return channels_first(step.layer)

    def mixes(self, step):
        """A fused softmax, or an unknown function, ties the output channels together."""
        if acts_elementwise(step.layer.activation):
            return None
        name = getattr(step.layer.activation, "__name__", type(step.layer.activation).__name__)
        return f"its activation {name} may mix channels"

    def absorbs(self, step, ins):
        """A constant input can be removed if it folds into the bias."""
        return foldable(step.layer, ins[0])

    def _activated(self, step, values: np.ndarray, varies: np.ndarray) -> np.ndarray:
        """Return the output's constants from pre-activations, NaN where they vary."""
        activation = step.layer.activation
        if self.mixes(step) and (varies.any() or activation is not keras.activations.softmax):
            return np.full(len(values), np.nan)
        values = np.where(varies, np.nan, values)
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
        fold = foldable(step.layer, ins[0])
        kernel = weights["kernel"]
        varies = any_over_space(kernel)[~fold].any(axis=0)
        return self._activated(step, contribution(kernel, fold, ins) + bias_of(weights), varies)

    def reads(self, step, weights, ins, needed):
        """An input is needed if a weight connects it to a needed output and it can't be folded."""
        used = any_over_space(weights["kernel"])[:, self._read(step, needed)].any(axis=1)
        return [used & ~foldable(step.layer, ins[0])]

    def fold(self, step, weights, ins, needed):
        """Move foldable inputs into the bias; their rows become zero, as some may have to stay."""
        fold = foldable(step.layer, ins[0])
        amount = contribution(weights["kernel"], fold, ins)
        amount[~self._read(step, needed)] = 0
        changed = with_bias(weights, amount)
        changed["kernel"] = zero_rows(weights["kernel"], fold)
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


class Grouped(Kernel):
    """A grouped convolution: each block of outputs reads its own block of inputs.

    All blocks have to keep equal widths, so the channels at the same position in each block are one
    group.
    """

    def connect(self, step, ins, new):
        """Outputs are new; positions are tied across the blocks, of inputs and of outputs."""
        out = new(step.out_shapes[0][-1])
        return out, [
            (block[0], other)
            for block in (self._blocks(step, ins[0]), self._blocks(step, out))
            for other in block[1:]
        ]

    def constants(self, step, weights, ins):
        """As without groups, block by block."""
        varies, amount = [], []
        for kernel, constants in self._parts(step, weights, ins):
            fold = foldable(step.layer, constants)
            varies.append(any_over_space(kernel)[~fold].any(axis=0))
            amount.append(contribution(kernel, fold, [constants]))
        value = np.concatenate(amount) + bias_of(weights)
        return self._activated(step, value, np.concatenate(varies))

    def reads(self, step, weights, ins, needed):
        """As without groups, block by block."""
        outputs = self._blocks(step, self._read(step, needed))
        used = [
            any_over_space(kernel)[:, read].any(axis=1)
            for (kernel, _), read in zip(self._parts(step, weights, ins), outputs, strict=True)
        ]
        return [np.concatenate(used) & ~foldable(step.layer, ins[0])]

    def fold(self, step, weights, ins, needed):
        """As without groups, block by block."""
        kernels, amount = [], []
        for kernel, constants in self._parts(step, weights, ins):
            fold = foldable(step.layer, constants)
            amount.append(contribution(kernel, fold, [constants]))
            kernels.append(zero_rows(kernel, fold))
        amount = np.concatenate(amount)
        amount[~self._read(step, needed)] = 0
        changed = with_bias(weights, amount)
        changed["kernel"] = np.concatenate(kernels, axis=-1)
        return changed

    def axes(self, step, ins, out):
        """The rows are those of one block: which positions stay is the same in all."""
        return super().axes(step, [self._blocks(step, ins[0])[0]], out)

    def _blocks(self, step, channels: np.ndarray) -> np.ndarray:
        return channels.reshape(step.layer.groups, -1)

    def _parts(self, step, weights, ins):
        kernels = np.split(weights["kernel"], step.layer.groups, axis=-1)
        return zip(kernels, self._blocks(step, ins[0]), strict=True)


class Transposed(Kernel):
    """Conv1DTranspose and Conv2DTranspose: the kernel's last axes are (outputs, inputs).

    The number of taps that reach a position varies, so only constant zeros can be folded.
    """

    def absorbs(self, step, ins):
        """A constant zero can be removed."""
        return ins[0] == 0

    def constants(self, step, weights, ins):
        """An output is constant, its activated bias, if each of its inputs is zero(-weighted)."""
        varies = any_over_space(self._turned(weights))[ins[0] != 0].any(axis=0)
        return self._activated(step, np.zeros(len(varies)) + bias_of(weights), varies)

    def reads(self, step, weights, ins, needed):
        """An input is needed if a weight connects it to a needed output and it is not zero."""
        used = any_over_space(self._turned(weights))[:, self._read(step, needed)].any(axis=1)
        return [used & (ins[0] != 0)]

    def fold(self, step, weights, ins, needed):
        """Zeros contribute nothing; their weights are set to zero, since some may have to stay."""
        kernel = weights["kernel"]
        return weights | {"kernel": np.where(ins[0] == 0, kernel.dtype.type(0), kernel)}

    def axes(self, step, ins, out):
        """Rows are outputs, columns inputs."""
        rank = len(step.layer.kernel_size) + 2
        return {
            "kernel": {rank - 1: ("in", ins[0]), rank - 2: ("out", out)},
            "bias": {0: ("out", out)},
        }

    def _turned(self, weights) -> np.ndarray:
        return np.swapaxes(weights["kernel"], -1, -2)


def contribution(kernel: np.ndarray, fold: np.ndarray, ins) -> np.ndarray:
    """Return what the foldable inputs add to each output, shape ``(outputs,)``, float64."""
    rows = sum_over_space(kernel[..., fold, :])
    return ins[0][fold] @ rows


def bias_of(weights) -> np.ndarray | float:
    """Return the bias, float64 ``(outputs,)``, or 0 if the layer has none."""
    return weights["bias"].astype(np.float64) if "bias" in weights else 0.0
