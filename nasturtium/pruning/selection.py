"""Selects dependency groups: the least important of the whole net, until the ratio is reached."""

from collections.abc import Sequence

import numpy as np
import tf_keras as keras

from nasturtium.compaction import Group
from nasturtium.compaction.graph import channel_graph
from nasturtium.compaction.groups import ParameterCount, groups_of
from nasturtium.errors import PruningError

LEAST_CHANNELS = 2  # a layer with one channel is a bottleneck that no training can compensate


class ChannelSelection:
    """The groups of a net, and their selection by importance and ratio.

    The ratio is the share of the prunable parameters (the kernels of Dense, Conv1D, Conv2D and
    Conv2DTranspose and the pointwise kernels of separable ones, including the last layer's; not
    depthwise kernels, biases or BatchNormalization) that the net will have lost after compaction.
    Kernels of nested models and of layers without a rule of compaction are neither pruned nor
    counted.

    Attributes
    ----------
    groups
        The groups that can be pruned (``nasturtium.compaction.Group``).
    total
        The net's prunable parameters.
    pruned
        bool, shape ``(groups,)``: the groups selected so far. None is ever deselected.

    Raises
    ------
    PruningError
        There is nothing to prune, or ``round_to`` is below 1.
    CompactionError
        The model has no graph of layers (subclassed, or not built).
    """

    def __init__(self, model: keras.Model, round_to: int = 1) -> None:
        """With ``round_to`` above 1, layers keep multiples of that many channels (for GPUs)."""
        if round_to < 1:
            raise PruningError(f"round_to is {round_to}; set it to at least 1 channel.")
        graph = channel_graph(model)
        self.groups: list[Group] = groups_of(graph)
        self._count = ParameterCount(graph)
        self._numbers = np.array([group.number for group in self.groups], np.int64)
        self._round_to = round_to
        self.total = self._count.total
        self.pruned = np.zeros(len(self.groups), bool)
        if not self._admissible(np.zeros(len(self.groups))):
            raise PruningError(
                f"Model {model.name!r} has no channels to prune, since every layer with a kernel "
                f"is an output, has at most {max(LEAST_CHANNELS, round_to)} channels, or must keep "
                "its channels; use wider layers, or leave it unpruned."
            )

    def reachable(self, scores: np.ndarray) -> float:
        """Return the largest ratio that can be reached, a share of the prunable parameters."""
        bundles = self._admissible(scores)
        return 1 - self._after(bundles)[-1] / self.total

    def choose(self, ratio: float, scores: np.ndarray) -> float:
        """Prune up to ``ratio`` by ``scores``, least first, and return the ratio reached.

        It is the first ratio at or above ``ratio``, so it exceeds ``ratio`` by less than one group
        (one bundle of ``round_to`` groups), or it is the largest reachable one.
        """
        bundles = self._admissible(scores)
        lost = 1 - self._after(bundles) / self.total
        enough = np.flatnonzero(lost >= ratio - 1e-12)
        chosen = int(enough[0]) if len(enough) else len(bundles)
        for bundle in bundles[:chosen]:
            self.pruned[bundle] = True
        return self.ratio

    @property
    def ratio(self) -> float:
        """The share of the prunable parameters that is removed with the selected groups."""
        after = self._count.after_each(self._numbers[self.pruned])[-1]
        return 1 - int(after) / self.total

    def largest_step(self) -> float:
        """Return the largest share of one group (or bundle): the tolerance of the reached ratio."""
        everything = np.arange(len(self.groups))
        shares = [
            1 - self._count.after_each(self._numbers[[g]])[-1] / self.total for g in everything
        ]
        return float(np.max(shares)) * self._round_to

    def _after(self, bundles: Sequence[np.ndarray]) -> np.ndarray:
        """Return the prunable parameters after 0, 1, 2, ... bundles."""
        order = np.concatenate([np.zeros(0, np.int64), *bundles])
        ends = np.cumsum([0, *(len(bundle) for bundle in bundles)])
        return self._count.after_each(self._numbers[order])[ends]

    def _admissible(self, scores: np.ndarray) -> list[np.ndarray]:
        """Return the bundles in the order of removal, without those that have to stay."""
        scores = np.where(self.pruned, -np.inf, scores)
        counts = self._count.outputs
        remaining = counts.sum(axis=1)
        admissible = []
        for bundle in self._bundles(scores):
            taken = counts[:, self._numbers[bundle]].sum(axis=1)
            left = remaining - taken
            if ((taken > 0) & (left < LEAST_CHANNELS)).any():
                continue
            remaining = left
            admissible.append(bundle)
        return admissible

    def _bundles(self, scores: np.ndarray) -> list[np.ndarray]:
        """Return bundles of groups that leave each layer a multiple of ``round_to``, least first.

        Groups produced by the same layers form one space. The first bundle of a space is the excess
        over the multiple. Within a space, bundles are ordered by importance.
        """
        order = np.argsort(scores, kind="stable")
        if self._round_to == 1:
            return list(order[:, None])
        spaces: dict[bytes, list[int]] = {}
        for position in order.tolist():
            signature = (self._count.outputs[:, self._numbers[position]] > 0).tobytes()
            spaces.setdefault(signature, []).append(position)
        bundles = []
        for positions in spaces.values():
            first = len(positions) % self._round_to or self._round_to
            cuts = range(first, len(positions), self._round_to)
            bundles += np.split(np.array(positions), list(cuts))
        return sorted(bundles, key=lambda bundle: scores[bundle].mean())
