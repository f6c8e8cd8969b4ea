"""Which groups a model needs: constants forward, use backward.

A channel is *constant* if it has the same value for every input, and *needed* if a model output
depends on it in a way that a bias can't stand in for. A group that is needed nowhere and not frozen
is removable. One sweep each way finds whole chains: a dead unit makes its inputs unneeded, and a
unit whose inputs are all constant is constant itself.
"""

from dataclasses import dataclass

import numpy as np

from nasturtium.compaction.graph import ChannelGraph
from nasturtium.compaction.rules import Unknown


@dataclass
class Liveness:
    """What was found, tensor by tensor and group by group.

    ``constants[t]``: float64 ``(channels,)``, NaN where tensor ``t`` varies; ``needed[t]``: bool
    ``(channels,)``; ``keep``: bool ``(groups,)``.
    """

    constants: list[np.ndarray]
    needed: list[np.ndarray]
    keep: np.ndarray


def find_constants(graph: ChannelGraph, weights) -> list[np.ndarray]:
    """Return each tensor's constants, given ``weights`` by layer and attribute."""
    constants = [np.full(len(channels), np.nan) for channels in graph.channels]
    for step in graph.steps:
        if not isinstance(step.rule, Unknown):
            ins = [constants[t] for t in step.inputs]
            constants[step.outputs[0]] = step.rule.constants(
                step, weights.get(step.layer.name, {}), ins
            )
    return constants


def find_needed(graph: ChannelGraph, weights, constants) -> list[np.ndarray]:
    """Return which channels of each tensor are needed; all those of outputs and unknown layers."""
    needed = [np.zeros(len(channels), bool) for channels in graph.channels]
    for t in graph.outputs:
        needed[t][:] = True
    for step in reversed(graph.steps):
        if isinstance(step.rule, Unknown):
            reads = [np.ones(len(graph.channels[t]), bool) for t in step.inputs]
        else:
            ins = [constants[t] for t in step.inputs]
            reads = step.rule.reads(
                step, weights.get(step.layer.name, {}), ins, needed[step.outputs[0]]
            )
        for t, read in zip(step.inputs, reads, strict=True):
            needed[t] = needed[t] | read
    return needed


def find_liveness(graph: ChannelGraph, weights=None) -> Liveness:
    """Return constants, needs and the groups to keep; ``weights`` stand in for the model's own.

    Every tensor keeps a channel at least, since a layer with none can't be built: its first.
    """
    weights = graph.weights() if weights is None else weights
    constants = find_constants(graph, weights)
    needed = find_needed(graph, weights, constants)
    keep = graph.frozen.copy()
    for channels, need in zip(graph.channels, needed, strict=True):
        keep[channels[need]] = True
    for channels in graph.channels:
        if not keep[channels].any():
            keep[channels[0]] = True
    return Liveness(constants, needed, keep)
