"""The channel graph of a Keras model: which channel of which tensor is the same unit or filter.

Every tensor carries one identifier per channel of its last axis. A layer with a kernel makes new
identifiers, a layer that processes each channel by itself passes them on, and a layer that joins
tensors position by position (Add, Multiply) merges them. Channels with the same identifier can only
be removed together: they are one *group*, as in DepGraph (Fang et al., CVPR 2023, arXiv 2301.12900,
section 3.2). A group is *frozen* if its removal would be visible to the model's users or to an
unknown layer.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction.rules import Rule, Unknown
from nasturtium.compaction.table import rule_for, why_unknown
from nasturtium.errors import CompactionError


@dataclass
class Step:
    """One call of one layer: its rule, and its tensors as indices of ``ChannelGraph.channels``."""

    node: object
    layer: keras.layers.Layer
    rule: Rule
    inputs: list[int]
    outputs: list[int]
    in_shapes: list[tuple]
    out_shapes: list[tuple]
    in_types: list[tf.DType]


@dataclass
class ChannelGraph:
    """A model as steps over tensors whose channels carry group numbers.

    ``channels[t]`` has one group number (int, shape ``(channels,)``) per channel of tensor ``t``;
    ``tensors[t]`` is Keras's own symbolic tensor; ``frozen`` (bool, shape ``(groups,)``) marks the
    groups that must stay; ``reasons`` says why, a pair (layer, reason) each.
    """

    model: keras.Model
    steps: list[Step] = field(default_factory=list)
    channels: list[np.ndarray] = field(default_factory=list)
    tensors: list[object] = field(default_factory=list)
    numbers: dict[tuple, int] = field(default_factory=dict)
    frozen: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    reasons: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    @property
    def groups(self) -> int:
        """Number of groups, including frozen ones."""
        return len(self.frozen)

    def number_of(self, tensor) -> int:
        """Return the index of one of Keras's symbolic tensors."""
        return self.numbers[_key(tensor)]

    def weights(self) -> dict[str, dict[str, np.ndarray]]:
        """Return the weights for which there are rules, by layer and attribute, as float arrays."""
        return {
            step.layer.name: self.weights_of(step) for step in self.steps if step.rule.attributes
        }

    def weights_of(self, step: Step) -> dict[str, np.ndarray]:
        """Return the weights of one step by attribute, without those that its layer lacks."""
        found = {name: getattr(step.layer, name, None) for name in step.rule.attributes}
        return {name: value.numpy() for name, value in found.items() if value is not None}

    def axes(self, step: Step) -> dict[str, dict[int, tuple[str, np.ndarray]]]:
        """Return, for each weight of a step, the groups along its channel axes, with their role."""
        return step.rule.axes(
            step, [self.channels[t] for t in step.inputs], self.channels[step.outputs[0]]
        )


def channel_graph(model: keras.Model) -> ChannelGraph:
    """Read the channel graph of a built Sequential or functional model (channels on the last axis).

    Raises
    ------
    CompactionError
        The model is subclassed or has not been built, so it has no graph of layers.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "_is_graph_network", False):
        name = getattr(model, "name", type(model).__name__)
        raise CompactionError(
            f"Model {name!r} has no graph of layers; give a Sequential or functional model that "
            "has been built."
        )
    return _Builder(model).build()


def _key(tensor) -> tuple:
    history = tensor._keras_history
    return id(history.layer), history.node_index, history.tensor_index


class _Builder:
    """Assigns identifiers to channels and merges them with a union-find."""

    def __init__(self, model: keras.Model) -> None:
        self.graph = ChannelGraph(model)
        self.parents: list[int] = []
        self.frozen_ids: list[np.ndarray] = []
        depths = model._nodes_by_depth
        self.nodes = [node for depth in sorted(depths, reverse=True) for node in depths[depth]]
        self.calls = Counter(id(node.layer) for node in self.nodes)

    def build(self) -> ChannelGraph:
        for node in self.nodes:
            self._add(node)
        for output in tf.nest.flatten(self.graph.model.outputs):
            tensor = self._tensor(output)
            self.graph.outputs.append(tensor)
            self._freeze(self.graph.channels[tensor], output._keras_history.layer, "model output")
        roots = np.array([self._find(i) for i in range(len(self.parents))], dtype=np.int64)
        numbers, group_of = np.unique(roots, return_inverse=True)
        self.graph.frozen = np.zeros(len(numbers), bool)
        for ids in self.frozen_ids:
            self.graph.frozen[group_of[ids]] = True
        self.graph.channels = [group_of[ids] for ids in self.graph.channels]
        return self.graph

    def _add(self, node) -> None:
        layer = node.layer
        outs = tf.nest.flatten(node.outputs)
        if node.is_input:
            for tensor in outs:
                self._freeze(self.graph.channels[self._tensor(tensor)], layer, "model input")
            return
        inputs = [self._tensor(t) for t in node.keras_inputs]
        in_shapes = [tuple(t.shape) for t in node.keras_inputs]
        out_shapes = [tuple(t.shape) for t in outs]
        in_types = [t.dtype for t in node.keras_inputs]
        step = Step(node, layer, Unknown(), inputs, [], in_shapes, out_shapes, in_types)
        reason = self._choose_rule(node, step)
        ins = [self.graph.channels[t] for t in inputs]
        if isinstance(step.rule, Unknown):
            for ids in ins:
                self._freeze(ids, layer, reason)
            step.outputs = [self._tensor(t) for t in outs]
            for t in step.outputs:
                self._freeze(self.graph.channels[t], layer, reason)
        else:
            ids, merges = step.rule.connect(step, ins, self._new)
            for one, other in merges:
                for a, b in zip(one.tolist(), other.tolist(), strict=True):
                    self._union(a, b)
            step.outputs = [self._tensor(outs[0], ids)]
            if mixes := step.rule.mixes(step):
                self._freeze(ids, layer, mixes)
        self.graph.steps.append(step)

    def _choose_rule(self, node, step: Step) -> str:
        """Set the rule of a step; if there is none, return why."""
        layer = step.layer
        rule = rule_for(layer)
        if rule is None:
            return why_unknown(layer)
        if self.calls[id(layer)] > 1:
            return "shared layer: it is called more than once"
        arguments = tf.nest.flatten(node.call_args)
        special = [key for key, value in node.call_kwargs.items() if value not in (None, False)]
        if len(arguments) != len(step.inputs) or special:
            return "it is called with arguments besides its inputs"
        shapes = step.in_shapes + step.out_shapes
        if len(step.out_shapes) != 1 or any(len(s) < 2 or s[-1] is None for s in shapes):
            return "its number of channels is not known"
        if reason := rule.refusal(step):
            return reason
        step.rule = rule
        return ""

    def _tensor(self, tensor, ids: np.ndarray | None = None) -> int:
        key = _key(tensor)
        if key not in self.graph.numbers:
            if ids is None:
                shape = tuple(tensor.shape)
                ids = self._new(shape[-1] if len(shape) > 1 and shape[-1] else 1)
            self.graph.numbers[key] = len(self.graph.channels)
            self.graph.channels.append(ids)
            self.graph.tensors.append(tensor)
        return self.graph.numbers[key]

    def _new(self, number: int) -> np.ndarray:
        ids = np.arange(len(self.parents), len(self.parents) + number)
        self.parents.extend(ids.tolist())
        return ids

    def _freeze(self, ids: np.ndarray, layer: keras.layers.Layer, reason: str) -> None:
        self.frozen_ids.append(ids)
        if (layer.name, reason) not in self.graph.reasons:
            self.graph.reasons.append((layer.name, reason))

    def _find(self, i: int) -> int:
        while self.parents[i] != i:
            self.parents[i] = self.parents[self.parents[i]]
            i = self.parents[i]
        return i

    def _union(self, a: int, b: int) -> None:
        self.parents[self._find(b)] = self._find(a)
