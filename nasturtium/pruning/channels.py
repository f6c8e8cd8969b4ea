"""Channel pruning: whole units and filters are kept at zero while the training continues.

With a cubic schedule, the least important dependency groups of the whole net are masked. After
every batch, kernel columns, biases, gamma, beta and moving means of masked channels are set to
exactly zero. So each masked channel is zero for every input, and compaction removes it without
changing the function. A masked channel stays masked: gradual pruning as in Zhu & Gupta (2017, arXiv
1710.01878, section 3), over groups as in DepGraph (Fang et al., 2023, arXiv 2301.12900).
"""

import logging
from collections.abc import Iterable
from typing import Self

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction import compact, prunable_parameters, verify
from nasturtium.errors import PruningError
from nasturtium.pruning import importance as scores_of
from nasturtium.pruning.pruner import Pruned, PruningTask, ScheduledPruner
from nasturtium.pruning.schedule import CubicSchedule
from nasturtium.pruning.selection import ChannelSelection

log = logging.getLogger(__name__)


class ChannelPruning(ScheduledPruner):
    """A callback that prunes the channels of ``model`` while ``model.fit`` trains it.

    ::

        schedule = CubicSchedule.from_training(epochs * steps, ratio=0.8)
        pruning = ChannelPruning(model, schedule)
        model.fit(..., callbacks=[pruning, ...])
        pruned = pruning.finish(inputs=some_real_inputs)   # compacted and verified

    It must come before callbacks that save weights. The ratio is a share of the net's prunable
    *parameters*, which ``ChannelSelection`` defines.

    Parameters
    ----------
    model
        The model to train, Sequential or functional. It is changed in place, so load the baseline
        again to compare with it.
    schedule
        Target and steps.
    importance
        ``l2``, ``l1``, ``taylor`` or ``random`` (the control).
    seed
        Seed of the random importance.
    round_to
        Layers keep a multiple of this many channels.
    batches
        For ``taylor``: pairs (inputs, targets) of training data, iterated at every update.

    Raises
    ------
    PruningError
        The importance is unknown or lacks its batches, there is nothing to prune, or the ratio
        can't be reached with at least 2 channels in every layer.
    CompactionError
        The model has no graph of layers (subclassed, or not built).
    """

    def __init__(
        self,
        model: keras.Model,
        schedule: CubicSchedule,
        importance: str = "l2",
        seed: int = 0,
        round_to: int = 1,
        batches: Iterable | None = None,
    ) -> None:
        """Check all that can be checked before any training."""
        super().__init__(schedule)
        if importance not in scores_of.IMPORTANCES:
            known = ", ".join(scores_of.IMPORTANCES)
            raise PruningError(f"Importance {importance!r} is not known; choose one of {known}.")
        if importance == "taylor" and batches is None:
            raise PruningError("Taylor importance needs batches of training data; pass batches=.")
        self.model = model
        self.selection = ChannelSelection(model, round_to)
        self._net = model
        self._importance = importance
        self._seed = seed
        self._batches = batches
        self._variables, self._masks = self._make_masks()
        reachable = self.selection.reachable(self._first_scores())
        if schedule.target > reachable:
            raise PruningError(
                f"A pruning ratio of {schedule.target} would leave a layer of model "
                f"{model.name!r} with too few channels; use a ratio of at most "
                f"{np.floor(reachable * 1000) / 1000:.3f}."
            )

    @classmethod
    def start(cls, task: PruningTask) -> Self:
        """By ``importance`` and ``round_to``; ``batches`` are for ``taylor``."""
        given = task.settings
        options = given["importance"], task.seed, given["round_to"], task.batches
        return cls(task.model, task.schedule, *options)

    @property
    def ratio(self) -> float:
        """The share of the prunable parameters that compaction could currently remove."""
        return self.selection.ratio

    def on_train_begin(self, logs=None) -> None:
        """Refuse another model, and a training that is too short for the schedule."""
        if self.model is not self._net:
            raise PruningError(
                "ChannelPruning was made for another model than the trained one; make one for each "
                "model."
            )
        steps = (self.params or {}).get("steps")
        if steps and not self.step:
            self.schedule.check_fits(self.params["epochs"], steps)

    def on_train_end(self, logs=None) -> None:
        """Refuse a training that stopped before the schedule's end."""
        self._check_finished()

    def finish(self, inputs=None, tolerance: float = 1e-5) -> Pruned:
        """Compact the trained model, verify it and compare the ratio with the target.

        Parameters
        ----------
        inputs
            Real samples to verify with, besides random ones.
        tolerance
            The largest relative error allowed (``nasturtium.compaction.verify``).

        Raises
        ------
        PruningError
            The schedule did not finish, unpruned weights were restored, or the ratio was missed.
        CompactionError
            The compacted model does not compute the same.
        """
        self._check_finished()
        for variable, mask in zip(self._variables, self._masks, strict=True):
            if np.any(variable.numpy()[mask.numpy() == 0] != 0):
                raise PruningError(
                    "Pruned channels are no longer zero after the training, since weights from "
                    f"before the schedule's end (step {self.schedule.end_step}) were restored; "
                    "choose only among the epochs after its end."
                )
        result = compact(self._net)
        error = verify(self._net, result.model, inputs, tolerance)
        ratio = 1 - prunable_parameters(result.model) / self.selection.total
        if ratio < self.schedule.target - 1e-9:
            raise PruningError(
                f"The pruned net lost a share of {ratio:.4f} of its prunable parameters instead of "
                f"{self.schedule.target}; please report this model."
            )
        if ratio > self.ratio + 1e-9:
            log.warning(
                "compaction removed more parameters (%.4f) than pruning (%.4f), since some "
                "channels were already unused",
                ratio,
                self.ratio,
            )
        return Pruned(result, ratio, error)

    def _check_finished(self) -> None:
        if self._applied < self.schedule.end_step:
            raise PruningError(
                f"The training stopped after {self.step} steps, before the end of the pruning "
                f"schedule at step {self.schedule.end_step}; train longer, or stop only after it."
            )

    def _first_scores(self) -> np.ndarray:
        """Return scores for the check before the training; Taylor's may need a compiled model."""
        if self._importance == "taylor":
            return scores_of.l2(
                self.selection.groups, scores_of.read_weights(self._net, self.selection.groups)
            )
        return self._scores()

    def _scores(self) -> np.ndarray:
        groups = self.selection.groups
        if self._importance == "random":
            return scores_of.random(groups, self._seed)
        if self._importance == "taylor":
            return scores_of.taylor(self._net, groups, self._batches)
        return getattr(scores_of, self._importance)(
            groups, scores_of.read_weights(self._net, groups)
        )

    def _prune_to(self, ratio: float) -> None:
        reached = self.selection.choose(ratio, self._scores())
        log.debug("step %d: pruned %.4f of the parameters (goal %.4f)", self.step, reached, ratio)
        for (layer, weight), mask in zip(self._keys, self._masks, strict=True):
            values = np.ones(mask.shape, mask.dtype.as_numpy_dtype)
            for position in np.flatnonzero(self.selection.pruned):
                for member in self._members[position].get((layer, weight), ()):
                    index = [slice(None)] * values.ndim
                    index[member.axis] = list(member.indices)
                    values[tuple(index)] = 0
            mask.assign(values)

    def _make_masks(self) -> tuple[list, list]:
        """Return the variables that make channels, and a mask of ones for each."""
        # The variables on which a channel's value depends. A moving variance only scales zeros.
        self._members: list[dict] = []
        for group in self.selection.groups:
            members: dict = {}
            for member in group.members:
                if member.produces:
                    members.setdefault((member.layer, member.weight), []).append(member)
            self._members.append(members)
        self._keys = sorted({key for members in self._members for key in members})
        variables = [getattr(self._net.get_layer(layer), name) for layer, name in self._keys]
        masks = [
            tf.Variable(tf.ones(variable.shape, variable.dtype), trainable=False)
            for variable in variables
        ]
        return variables, masks

    def _multiply(self) -> None:
        for variable, mask in zip(self._variables, self._masks, strict=True):
            variable.assign(variable * mask)


class RandomChannels(ChannelPruning):
    """Channels pruned at random: a control that shows the effect of the importance score."""

    @classmethod
    def start(cls, task: PruningTask) -> Self:
        """Uses ``round_to``; the order of the channels is drawn with ``seed``."""
        return cls(task.model, task.schedule, "random", task.seed, task.settings["round_to"])
