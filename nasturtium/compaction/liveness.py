"""Finds the groups, layers and inputs that a model needs: constants forward, use backward.

A channel is *constant* if it has the same value for every input, and *needed* if a model output
depends on it in a way that a bias can't replace. A group that is needed nowhere and not frozen is
removable. One pass each way finds whole chains: the inputs of a dead unit are not needed, and a
unit whose inputs are all constant is constant itself.

A tensor without needed channels is removed with the layers that made it. A tensor that has to
exist, but is the same for every input, is *inert*: the layers that compute it are replaced by a
layer that holds its constants.
"""

from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from nasturtium.compaction.graph import ChannelGraph
from nasturtium.compaction.rules import Unknown


@dataclass
class Plan:
    """The plan of the smaller model: which steps are built, and with which inputs.

    ``inputs``: position of a step -> the tensors with which it is called, for the steps that are
    built; ``constants``: tensor -> the tensor with which its layer of constants is called.
    """

    inputs: dict[int, list[int]] = field(default_factory=dict)
    constants: dict[int, int] = field(default_factory=dict)

    def is_whole(self, graph: ChannelGraph) -> bool:
        """Whether every layer is built unchanged."""
        return len(self.inputs) == len(graph.steps) and all(
            graph.steps[number].inputs == inputs for number, inputs in self.inputs.items()
        )


@dataclass
class Liveness:
    """The results by tensor and by group.

    ``constants[t]``: float64 ``(channels,)``, NaN for channels of tensor ``t`` that vary;
    ``needed[t]``: bool ``(channels,)``; ``keep``: bool ``(groups,)``.
    """

    constants: list[np.ndarray]
    needed: list[np.ndarray]
    keep: np.ndarray
    plan: Plan


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
            used = any(needed[t].any() for t in step.outputs)
            reads = [np.full(len(graph.channels[t]), used) for t in step.inputs]
        else:
            ins = [constants[t] for t in step.inputs]
            reads = step.rule.reads(
                step, weights.get(step.layer.name, {}), ins, needed[step.outputs[0]]
            )
        for t, read in zip(step.inputs, reads, strict=True):
            needed[t] = needed[t] | read
    return needed


def find_liveness(graph: ChannelGraph, with_constants: bool = True) -> Liveness:
    """Return constants, needs, the groups to keep and the plan of the smaller model.

    Every tensor that is built keeps at least its first channel, since a layer without channels
    can't be built. ``with_constants`` allows layers of constants to replace inert tensors.
    """
    weights = graph.weights()
    constants = find_constants(graph, weights)
    needed = find_needed(graph, weights, constants)
    keep = np.zeros(graph.groups, bool)
    for channels, need in zip(graph.channels, needed, strict=True):
        keep[channels[need]] = True
    while True:
        plan, wanted = _plan(graph, constants, needed, keep, with_constants)
        missing = keep.copy()
        for t in wanted:
            channels = graph.channels[t]
            missing[channels[graph.frozen[channels]]] = True
            if not missing[channels].any():
                missing[channels[0]] = True
        if np.array_equal(missing, keep):
            return Liveness(constants, needed, keep, plan)
        keep = missing


def whole_plan(graph: ChannelGraph) -> Plan:
    """Return the plan that builds every layer unchanged."""
    return Plan({number: list(step.inputs) for number, step in enumerate(graph.steps)})


def _plan(graph, constants, needed, keep, with_constants) -> tuple[Plan, set[int]]:
    """Return the plan, and the tensors that it builds."""
    inert, idle = _inert(graph, constants, needed)
    plan, wanted = Plan(), set(graph.outputs)
    for number in range(len(graph.steps) - 1, -1, -1):
        step = graph.steps[number]
        if not wanted.intersection(step.outputs):
            continue
        t = step.outputs[0]
        if with_constants and inert[t] and any(idle[i] for i in step.inputs):
            source = _source(graph, number, inert, keep)
            if source is not None:
                plan.constants[t] = source
                wanted.add(source)
                continue
        ins = [constants[i] for i in step.inputs]
        kept = [keep[graph.channels[i]] for i in step.inputs]
        positions = step.rule.remaining(ins, needed[t], kept)
        plan.inputs[number] = [step.inputs[position] for position in positions]
        wanted.update(plan.inputs[number])
    return plan, wanted


def _inert(graph, constants, needed) -> tuple[list[bool], list[bool]]:
    """Return which tensors are inert, and which of them are made by layers without effect."""
    inert, idle = [False] * len(graph.channels), [False] * len(graph.channels)
    for step in graph.steps:
        for t in step.outputs:
            inert[t] = len(step.outputs) == 1 and not np.any(np.isnan(constants[t]) & needed[t])
            idle[t] = inert[t] and (not needed[t].any() or any(idle[i] for i in step.inputs))
    return inert, idle


def _source(graph: ChannelGraph, number: int, inert, keep) -> int | None:
    """Return the tensor that a layer of constants may be called with, or None.

    It exists before the step, it varies, and it is an image, a sequence or a vector like the step's
    output, or any image or sequence for a vector. The narrowest one with the same positions, or for
    a single position, is preferred. If there is none, the narrowest of all is used, and the
    constants are repeated over the positions.
    """
    step = graph.steps[number]
    if step.layer.compute_dtype != "float32":
        return None
    shape = step.out_shapes[0]
    steps = graph.steps[: number + 1]
    candidates = {t for other in steps for t in other.inputs}
    fitting = []
    for t in candidates:
        tensor = graph.tensors[t]
        here = tuple(tensor.shape)
        if inert[t] or tensor.dtype != tf.float32 or None in shape[1:]:
            continue
        same = here[:-1] == shape[:-1]
        if same or (len(here) in (3, 4) and len(shape) in (2, len(here))):
            spread = not same and not set(shape[1:-1]) <= {1}
            fitting.append((spread, int(keep[graph.channels[t]].sum()), t))
    return min(fitting)[-1] if fitting else None
