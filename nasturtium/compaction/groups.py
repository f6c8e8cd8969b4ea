"""Dependency groups, which channel pruning ranks, and the savings of their removal."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import tf_keras as keras

from nasturtium.compaction.graph import ChannelGraph, channel_graph
from nasturtium.compaction.liveness import find_constants
from nasturtium.models.layers import prunable_weight


@dataclass(frozen=True)
class Member:
    """A slice of one weight: ``indices`` along ``axis`` of attribute ``weight`` of a layer.

    ``produces`` is True if the slice makes the group's channels (zeros there make them zero), False
    if the slice reads them or does not affect whether they are zero.
    """

    layer: str
    weight: str
    axis: int
    indices: tuple[int, ...]
    produces: bool


@dataclass
class Group:
    """Channels that can only be removed together; ``number`` is their number in the graph."""

    number: int
    members: list[Member] = field(default_factory=list)


def dependency_groups(model: keras.Model) -> list[Group]:
    """Return the groups that can be pruned: not frozen, and removable once they are zero.

    A group whose channels would not be removable with zero weights, such as the filters of a layer
    with a sigmoid (0.5 at zero) before a padded convolution, is left out.

    Raises
    ------
    CompactionError
        The model has no graph of layers (subclassed, or not built).
    """
    return groups_of(channel_graph(model))


def groups_of(graph: ChannelGraph) -> list[Group]:
    """Return the groups of a channel graph that can be pruned, in the order of their numbers."""
    prunable = ~graph.frozen & ~_stuck(graph)
    groups = {int(number): Group(int(number)) for number in np.flatnonzero(prunable)}
    for step in graph.steps:
        present = graph.weights_of(step) if step.rule.attributes else {}
        for weight, axes in graph.axes(step).items() if present else ():
            for axis, (role, channels) in axes.items():
                if weight not in present:
                    continue
                order = np.argsort(channels, kind="stable")
                numbers, starts = np.unique(channels[order], return_index=True)
                for number, where in zip(
                    numbers.tolist(), np.split(order, starts[1:]), strict=True
                ):
                    if number in groups:
                        groups[number].members.append(
                            Member(
                                step.layer.name,
                                weight,
                                axis,
                                tuple(where.tolist()),
                                role == "out",
                            )
                        )
    return [group for group in groups.values() if group.members]


def _stuck(graph: ChannelGraph) -> np.ndarray:
    """Return the groups, bool ``(groups,)``, that some reader needs.

    The whole net is evaluated with all producing slices at zero: a group's constant depends only on
    its own chain of layers, so one pass is enough for all groups.
    """
    weights = {}
    for step in graph.steps:
        if step.rule.attributes:
            values = graph.weights_of(step)
            for name, axes in graph.axes(step).items():
                if name in values and any(role == "out" for role, _ in axes.values()):
                    values[name] = np.zeros_like(values[name])
            weights[step.layer.name] = values
    constants = find_constants(graph, weights)
    stuck = np.zeros(graph.groups, bool)
    for step in graph.steps:
        if step.rule.attributes:
            absorbs = step.rule.absorbs(step, [constants[t] for t in step.inputs])
            stuck[graph.channels[step.inputs[0]][~absorbs]] = True
    return stuck


class ParameterCount:
    """The prunable parameters of the compacted net, for any set of removed groups.

    A kernel's number of parameters is proportional to (kept inputs) x (kept outputs). So the loss
    of a set of groups is not a sum over the groups: it is counted exactly.
    """

    def __init__(self, graph: ChannelGraph) -> None:
        """Read the kernels that count: those that magnitude pruning can prune too."""
        factors, ins, outs, fixed = [], [], [], []
        for step in graph.steps:
            for name, axes in graph.axes(step).items():
                if name == prunable_weight(step.layer):
                    *read, (_, columns) = axes.values()
                    # Rows of an embedding are not channels: their number never changes.
                    rows = read[0][1] if read else np.zeros(0, np.int64)
                    fixed.append(not read)
                    size = int(np.prod(getattr(step.layer, name).shape))
                    factors.append(size // (max(len(rows), 1) * len(columns)))
                    ins.append(np.bincount(rows, minlength=graph.groups))
                    outs.append(np.bincount(columns, minlength=graph.groups))
        shape = (len(factors), graph.groups)
        self._factors = np.array(factors, np.int64)
        self._fixed = np.array(fixed, np.int64)[:, None]
        self.inputs = np.array(ins, np.int64).reshape(shape)
        self.outputs = np.array(outs, np.int64).reshape(shape)

    @property
    def total(self) -> int:
        """Prunable parameters before anything is removed."""
        return int(self.after_each([])[0])

    def after_each(self, order: Sequence[int]) -> np.ndarray:
        """Return the prunable parameters after the first 0, 1, 2, ... groups of ``order``.

        Shape ``(len(order) + 1,)``, int64.
        """
        order = np.asarray(order, np.int64)
        kept = []
        for counts in (self.inputs, self.outputs):
            gone = np.zeros((len(counts), len(order) + 1), np.int64)
            np.cumsum(counts[:, order], axis=1, out=gone[:, 1:])
            kept.append(counts.sum(axis=1, keepdims=True) - gone)
        return self._factors @ ((kept[0] + self._fixed) * kept[1])


def prunable_parameters(model: keras.Model) -> int:
    """Return how many parameters of a model count as prunable (``nasturtium.models.layers``).

    Raises
    ------
    CompactionError
        The model has no graph of layers (subclassed, or not built).
    """
    return ParameterCount(channel_graph(model)).total
