"""The interface of a pruning method: a model to train, callbacks, and the compact model."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction import CompactionResult
from nasturtium.pruning.schedule import CubicSchedule


@dataclass(frozen=True)
class Pruned:
    """A pruned, compacted and verified model.

    Attributes
    ----------
    compaction
        Its ``model``, and what was removed.
    ratio
        Share of the prunable parameters that was pruned.
    max_rel_error
        Largest relative error of the compaction (``nasturtium.compaction.verify``).
    """

    compaction: CompactionResult
    ratio: float
    max_rel_error: float

    @property
    def model(self) -> keras.Model:
        """The compact model."""
        return self.compaction.model

    @property
    def facts(self) -> dict[str, object]:
        """Its columns of ``compaction.parquet`` and ``trials.parquet``."""
        return {
            "reached_ratio": self.ratio,
            "parameters_before_compaction": self.compaction.params_before,
            "removed_channels": sum(self.compaction.removed_channels.values()),
            "compaction_max_rel_error": self.max_rel_error,
            "frozen_channels": self.compaction.frozen_channels,
        }


@dataclass(frozen=True)
class PruningTask:
    """The inputs of a pruning.

    Attributes
    ----------
    model
        The trained net.
    schedule
        Ratio by step.
    settings
        Section ``pruning``; a method's own options are under its name.
    seed
        Seed of everything that it draws at random.
    batches
        Training batches (inputs, targets), for a method that uses gradients.
    """

    model: keras.Model
    schedule: CubicSchedule
    settings: Mapping[str, Any]
    seed: int
    batches: Iterable


class Pruner(ABC):
    """A pruning in progress: train ``model`` with ``callbacks``, then ``finish``.

    Attributes
    ----------
    model
        The model to train.
    callbacks
        They come before any callback that keeps weights.
    first_admissible_epoch
        The first epoch after the schedule's end; weights of earlier ones are not pruned enough.
    steps_per_execution
        This number of steps may run between two calls of the callbacks.
    """

    model: keras.Model
    callbacks: Sequence[keras.callbacks.Callback]
    first_admissible_epoch: int = 0
    steps_per_execution: int = 1

    @classmethod
    @abstractmethod
    def start(cls, task: PruningTask) -> "Pruner":
        """Begin to prune.

        Raises
        ------
        PruningError
            There is nothing to prune, or the schedule's target can't be reached.
        """

    @property
    @abstractmethod
    def ratio(self) -> float:
        """Share of the prunable parameters that is currently pruned."""

    @abstractmethod
    def finish(self, inputs: np.ndarray) -> Pruned:
        """The compact model; verified on random values and on ``inputs``, real samples.

        Raises
        ------
        PruningError
            The ratio was not reached.
        CompactionError
            The compact model does not compute the same.
        """


class ScheduledPruner(Pruner, keras.callbacks.Callback):
    """A pruner that is its own callback: it prunes by ``schedule`` and keeps weights pruned.

    Attributes
    ----------
    schedule
        Ratio by step.
    step
        Batches trained so far.
    """

    def __init__(self, schedule: CubicSchedule):
        keras.callbacks.Callback.__init__(self)
        self.callbacks, self.schedule = [self], schedule
        self.step = self._epoch_start = self._applied = 0
        self._hold = tf.function(self._multiply)

    def on_epoch_begin(self, epoch, logs=None) -> None:
        """Batches are counted per epoch; steps over the whole training."""
        self._epoch_start = self.step

    def on_train_batch_end(self, batch, logs=None) -> None:
        """Prune further if an update is due, and keep pruned weights at zero."""
        self.step = self._epoch_start + batch + 1
        due = self.schedule.last_update(self.step)
        if due is not None and due > self._applied:
            self._applied = due
            self._prune_to(self.schedule.ratio_at(due))
        if self._applied:
            self._hold()

    @abstractmethod
    def _prune_to(self, ratio: float) -> None:
        """Prune up to this share."""

    @abstractmethod
    def _multiply(self) -> None:
        """Set pruned weights to exactly zero."""
