"""Starts a pruning by the name of its method."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Self

import numpy as np
import tf_keras as keras

from nasturtium.compaction import compact, verify
from nasturtium.errors import PruningError
from nasturtium.models.weights import count_weights
from nasturtium.pruning.methods import METHODS
from nasturtium.pruning.pruner import Pruned, Pruner, PruningTask
from nasturtium.pruning.schedule import CubicSchedule


def start_pruning(
    method: str,
    model: keras.Model,
    ratio: float,
    settings: Mapping[str, Any],
    *,
    epochs: int,
    steps_per_epoch: int,
    seed: int,
    batches: Iterable,
) -> Pruner:
    """Start to prune ``model`` with ``method``, a name in ``METHODS``.

    Parameters
    ----------
    ratio
        Share of the prunable parameters to prune; 0 prunes nothing.
    settings
        Section ``pruning``. ``warm_up`` and ``recovery`` (rounded to whole epochs, at least one)
        make the schedule; the method reads the rest.
    epochs, steps_per_epoch
        Of the following training; the schedule is derived from them.
    seed, batches
        See :class:`nasturtium.pruning.pruner.PruningTask`.

    Raises
    ------
    PruningError
        The training is too short, there is nothing to prune, or the ratio can't be reached.
    """
    if method not in METHODS:
        raise PruningError(
            f"Pruning method '{method}' is not known; choose one of {', '.join(METHODS)}."
        )
    if ratio == 0:
        return Unpruned(model)
    schedule = CubicSchedule.of_epochs(
        epochs, steps_per_epoch, ratio, settings["warm_up"], settings["recovery"]
    )
    module, _, name = METHODS[method].pruner.rpartition(".")
    kind: type[Pruner] = getattr(import_module(module), name)
    pruner = kind.start(PruningTask(model, schedule, settings, seed, batches))
    pruner.first_admissible_epoch = schedule.first_admissible_epoch(steps_per_epoch)
    return pruner


class Unpruned(Pruner):
    """Ratio 0: a search may find that pruning does not pay."""

    callbacks = ()
    steps_per_execution = 1000  # no limit

    def __init__(self, model: keras.Model):
        self.model = model

    @classmethod
    def start(cls, task: PruningTask) -> Self:
        """There is no schedule."""
        return cls(task.model)

    @property
    def ratio(self) -> float:
        """Nothing is pruned."""
        return 0.0

    def finish(self, inputs: np.ndarray) -> Pruned:
        """The model without channels that were already dead."""
        compaction = compact(self.model)
        error = verify(self.model, compaction.model, inputs)
        return Pruned(compaction, count_weights(self.model).sparsity, error)
