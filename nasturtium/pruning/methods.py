"""One face for all pruning methods: what a training needs, and the compact model after it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tf_keras as keras

from nasturtium.compaction import compact, verify
from nasturtium.errors import PruningError
from nasturtium.models.weights import count_weights
from nasturtium.pruning.channels import ChannelPruning
from nasturtium.pruning.magnitude import MagnitudeOptions, MagnitudePruning
from nasturtium.pruning.schedule import CubicSchedule


@dataclass(frozen=True)
class Pruned:
    """A pruned, compacted and verified model.

    ``facts`` are the columns of ``compaction.parquet`` and ``trials.parquet`` that say what
    happened to it.
    """

    model: keras.Model
    facts: Mapping[str, object]


class Retraining(ABC):
    """A pruning in progress; train ``model`` with ``callbacks``, then ``finish``.

    Attributes
    ----------
    model
        The model to train.
    callbacks
        They stand before any callback that keeps weights.
    first_admissible_epoch
        The first epoch after the schedule's end; weights of earlier ones are not pruned enough.
    """

    model: keras.Model
    callbacks: Sequence[keras.callbacks.Callback]
    first_admissible_epoch: int
    # The callbacks act after every batch.
    steps_per_execution = 1

    @abstractmethod
    def ratio(self) -> float:
        """Share of the prunable parameters that is pruned by now."""

    @abstractmethod
    def finish(self, inputs: np.ndarray) -> Pruned:
        """The compact model; verified on random values and on ``inputs``, real samples.

        Raises
        ------
        PruningError
            The ratio was not reached.
        CompactionError
            The compact model computes something else.
        """


def start(
    method: str,
    model: keras.Model,
    ratio: float,
    settings: Mapping,
    *,
    epochs: int,
    steps_per_epoch: int,
    seed: int,
    batches: Iterable,
) -> Retraining:
    """Begin to prune ``model`` by ``method``: ``magnitude``, ``channels`` or ``random``.

    Parameters
    ----------
    ratio
        Share of the prunable parameters that shall be gone at the end; 0 prunes nothing.
    settings
        Section ``pruning``: ``warm_up``, ``recovery`` (rounded to whole epochs, at least one),
        ``importance``, ``round_to`` and ``magnitude``, its options.
    epochs, steps_per_epoch
        Of the training to come; the schedule is derived from them.
    batches
        Training batches, for ``taylor`` importance.

    Raises
    ------
    PruningError
        The training is too short, there is nothing to prune, or the ratio can't be reached.
    """
    if ratio == 0:
        return _Unpruned(model)
    # Whole epochs, and at least one: only these can be kept.
    recovery = max(1, round(settings["recovery"] * epochs)) / epochs
    if recovery == 1:
        raise PruningError(
            f"A training of {epochs} epochs leaves none to prune in beside the recovery; raise "
            "pruning.epochs (search.epochs in a search) or lower pruning.recovery."
        )
    schedule = CubicSchedule.from_training(
        epochs * steps_per_epoch, ratio, settings["warm_up"], recovery
    )
    schedule.check_fits(epochs, steps_per_epoch)
    first_admissible_epoch = schedule.first_admissible_epoch(steps_per_epoch)
    if method == "magnitude":
        options = MagnitudeOptions(**settings.get("magnitude", {}))
        return _Magnitude(MagnitudePruning(model, schedule, options), first_admissible_epoch)
    if method in ("channels", "random"):
        # Random channels are the control that shows what the importance is worth.
        importance = "random" if method == "random" else settings["importance"]
        pruning = ChannelPruning(model, schedule, importance, seed, settings["round_to"], batches)
        return _Channels(model, pruning, first_admissible_epoch)
    raise PruningError(
        f"Pruning method '{method}' is not known; choose magnitude, channels or random."
    )


class _Unpruned(Retraining):
    """Ratio 0: a search may find that pruning does not pay."""

    callbacks = ()
    first_admissible_epoch = 0
    steps_per_execution = 1000  # as many as the training likes

    def __init__(self, model: keras.Model):
        self.model = model

    def ratio(self) -> float:
        return 0.0

    def finish(self, inputs: np.ndarray) -> Pruned:
        result = compact(self.model)
        error = verify(self.model, result.model, inputs)
        return Pruned(result.model, _facts(result, count_weights(self.model).sparsity, error))


class _Magnitude(Retraining):
    def __init__(self, pruning: MagnitudePruning, first_admissible_epoch: int):
        self.model, self.callbacks = pruning.wrapped, pruning.callbacks
        self.first_admissible_epoch = first_admissible_epoch
        self._pruning = pruning

    def ratio(self) -> float:
        return self._pruning.ratio

    def finish(self, inputs: np.ndarray) -> Pruned:
        stripped = self._pruning.strip()
        # Single zeros rarely leave a whole unit dead, but where they do, it goes.
        result = compact(stripped)
        error = verify(stripped, result.model, inputs)
        return Pruned(result.model, _facts(result, count_weights(stripped).sparsity, error))


class _Channels(Retraining):
    def __init__(self, model: keras.Model, pruning: ChannelPruning, first_admissible_epoch: int):
        self.model, self.callbacks = model, [pruning]
        self.first_admissible_epoch = first_admissible_epoch
        self._pruning = pruning

    def ratio(self) -> float:
        return self._pruning.ratio

    def finish(self, inputs: np.ndarray) -> Pruned:
        pruned = self._pruning.finish(inputs)
        result = pruned.compaction
        return Pruned(result.model, _facts(result, pruned.ratio, pruned.max_rel_error))


def _facts(result, reached_ratio: float, error: float) -> dict[str, object]:
    return {
        "reached_ratio": reached_ratio,
        "parameters_before_compaction": result.params_before,
        "removed_channels": sum(result.removed_channels.values()),
        "compaction_max_rel_error": error,
        "frozen_channels": result.frozen_channels,
    }
