"""The importance of dependency groups: the scores by which channel pruning ranks them.

A group's score is the mean over its members that produce its channels: kernel columns, depthwise
kernels and BatchNormalization's |gamma|. Each is relative to the mean of its layer *at the moment
when it would be removed*, with all less important channels of the layer counted as zeros. So layers
of different scale can be compared over the whole net, and the remaining channels of a heavily
pruned layer become more important, which keeps a global ranking from emptying a layer. This is the
idea of LAMP (Lee et al., ICLR 2021, arXiv 2010.07611, section 2), applied to channels and
multiplied by the width, so that similar layers keep similar shares.

The norms are those of Li et al. (2017, arXiv 1608.08710) and, for groups, of DepGraph (Fang et al.,
2023, arXiv 2301.12900, section 3.3); |gamma| is network slimming's (Liu et al., 2017, arXiv
1708.06519); |w * gradient| is the first-order Taylor criterion (Molchanov et al., 2019, arXiv
1906.10771, section 3).
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction import Group
from nasturtium.errors import PruningError

IMPORTANCES = ("l2", "l1", "taylor", "random")

_SCORED = ("kernel", "pointwise_kernel", "depthwise_kernel", "embeddings", "gamma")

Weights = Mapping[tuple[str, str], np.ndarray]


def read_weights(model: keras.Model, groups: Sequence[Group]) -> dict[tuple[str, str], np.ndarray]:
    """Return the weights from which scores are computed, by (layer, attribute)."""
    keys = {(m.layer, m.weight) for g in groups for m in g.members if m.weight in _SCORED}
    return {(layer, name): getattr(model.get_layer(layer), name).numpy() for layer, name in keys}


def l2(groups: Sequence[Group], weights: Weights) -> np.ndarray:
    """Return the relative L2 norm of each group, shape ``(groups,)``, dimensionless."""
    return _relative(groups, weights, lambda w, axes: np.sqrt((w.astype(float) ** 2).sum(axes)))


def l1(groups: Sequence[Group], weights: Weights) -> np.ndarray:
    """Return the relative L1 norm of each group, shape ``(groups,)``, dimensionless."""
    return _relative(groups, weights, lambda w, axes: np.abs(w.astype(float)).sum(axes))


def taylor(model: keras.Model, groups: Sequence[Group], batches: Iterable, loss=None) -> np.ndarray:
    """Return |w * gradient|, summed over each group's weights and ``batches``, relative to layers.

    Parameters
    ----------
    batches
        Pairs (inputs, targets) of training data, such as a few batches of a ``tf.data.Dataset``.
    loss
        A Keras loss; by default the one that the model was compiled with.

    Raises
    ------
    PruningError
        There is no batch, or no loss.
    """
    loss = keras.losses.get(loss if loss is not None else getattr(model, "loss", None))
    if not callable(loss):
        raise PruningError(
            "Taylor importance needs one loss function; compile the model with one, or pass it."
        )
    keys = list(read_weights(model, groups))
    variables = [getattr(model.get_layer(layer), name) for layer, name in keys]
    saliency = [np.zeros(variable.shape) for variable in variables]
    seen = False
    for inputs, targets in batches:
        seen = True
        with tf.GradientTape() as tape:
            # Watched explicitly, since layers that are not trained have an importance too.
            tape.watch(variables)
            value = tf.reduce_mean(loss(targets, model(inputs, training=False)))
        for total, variable, gradient in zip(
            saliency, variables, tape.gradient(value, variables), strict=True
        ):
            if gradient is not None:
                total += np.abs(variable.numpy() * gradient.numpy())
    if not seen:
        raise PruningError("Taylor importance has no batch of training data; pass at least one.")
    totals = dict(zip(keys, saliency, strict=True))
    return _relative(groups, totals, lambda w, axes: w.sum(axes))


def random(groups: Sequence[Group], seed: int) -> np.ndarray:
    """Return uniform scores, shape ``(groups,)``: the control. Same seed, same scores."""
    return np.random.default_rng(seed).random(len(groups))


def _relative(groups: Sequence[Group], weights: Weights, norm) -> np.ndarray:
    """Return the mean over a group's producing slices of the norm relative to the layer."""
    norms: dict[tuple[str, str, int], np.ndarray] = {}
    scores = np.zeros(len(groups))
    for position, group in enumerate(groups):
        found = []
        for member in group.members:
            if not member.produces or member.weight not in _SCORED:
                continue
            key = (member.layer, member.weight, member.axis)
            if key not in norms:
                weight = weights[key[:2]]
                axes = tuple(axis for axis in range(weight.ndim) if axis != member.axis)
                norms[key] = _relative_to_layer(norm(weight, axes))
            found.extend(norms[key][list(member.indices)])
        scores[position] = np.mean(found)
    return scores


def _relative_to_layer(norms: np.ndarray) -> np.ndarray:
    """Return each channel's norm relative to the layer's mean with less important channels zero."""
    order = np.argsort(norms, kind="stable")
    remaining = np.cumsum(norms[order][::-1])[::-1]
    relative = np.empty(len(norms))
    relative[order] = len(norms) * norms[order] / np.maximum(remaining, np.finfo(float).tiny)
    return relative
