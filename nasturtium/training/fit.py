"""One training loop for all stages: compile, fit, keep the best admissible epoch."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tf_keras as keras

from nasturtium import metering
from nasturtium.data.batches import batches, training_batches
from nasturtium.data.catalog import Description
from nasturtium.data.splits import Split, TrainingData
from nasturtium.errors import TrainingError
from nasturtium.jobs import runtime
from nasturtium.models.seeds import seeds_kept
from nasturtium.training import precision
from nasturtium.training.best_epoch import BestEpoch
from nasturtium.training.checkpoint import Checkpoint
from nasturtium.training.execution import MOST_STEPS_PER_EXECUTION, choose
from nasturtium.training.frame_statistics import target_std
from nasturtium.training.losses import compile_model
from nasturtium.training.optimizers import make_optimizer

logger = logging.getLogger(__name__)

_VALIDATION_BATCH = 1024


@dataclass(frozen=True)
class Trained:
    """The result of a training; the model has the weights of ``best_epoch``.

    Attributes
    ----------
    epochs
        One row per epoch, with the columns of ``training.parquet``.
    best_epoch
        Number of the kept epoch, counted from 0: the admissible one with the lowest validation
        loss.
    validation_loss
        Its validation loss: cross-entropy, or squared error in the target's unit squared.
    """

    epochs: list[dict]
    best_epoch: int
    validation_loss: float
    best: dict


def steps_per_epoch(data: TrainingData, batch_size: int) -> int:
    """Optimizer steps of one epoch, including the last partial batch."""
    return math.ceil(len(data.train) / batch_size)


def fit(
    model: keras.Model,
    data: TrainingData,
    recipe: Mapping,
    *,
    seed: int,
    label: str,
    trial: str | None = None,
    first_admissible_epoch: int = 0,
    steps_per_execution: int = MOST_STEPS_PER_EXECUTION,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    sparsity: Callable[[], float | None] = lambda: None,
    until: int | None = None,
    begin: Path | None = None,
    end: Path | None = None,
) -> Trained:
    """Train ``model`` in place with ``recipe``; it gets the weights of its best admissible epoch.

    Parameters
    ----------
    recipe
        ``epochs``, ``batch_size``, ``optimizer``, ``learning_rate``, ``schedule``,
        ``weight_decay``, ``class_weights``, for a regression ``regression_loss`` and, for random
        changes of images, ``augmentation``; ``warm_up``, ``label_smoothing``, ``average`` and
        ``precision`` if they are not the defaults. A model that is being pruned is trained in
        float32 without averaging, since its callbacks refer to its own weights.
    label
        Names the run in progress lines and in the windows of its energy.
    trial
        The search's trial to which the energy belongs.
    first_admissible_epoch
        Earlier epochs are never kept: the pruning schedule has not ended, so fewer weights than
        requested are pruned.
    steps_per_execution
        Largest number of steps that TensorFlow may run without returning to Python; 1 for callbacks
        that have to act at every step.
    sparsity
        Called at the end of each epoch; its value goes to the epoch's row.
    until
        Number of epochs after which to stop; the schedule still covers all epochs of the recipe.
        None for all.
    begin, end
        Checkpoint from which to continue, and file for the next one; None for the start, and for no
        checkpoint. There are rows only for the epochs in between; the kept epoch may be an earlier
        one.

    Raises
    ------
    TrainingError
        No admissible epoch has a finite validation loss.
    """
    steps = steps_per_epoch(data, recipe["batch_size"])
    chosen, net = precision.FLOAT32, model
    found = None if begin is None else Checkpoint.read(begin)
    if found is not None:
        chosen = found.precision
    elif not callbacks:
        batch = np.asarray(data.train.features[: recipe["batch_size"]])
        setting = recipe.get("precision", precision.FLOAT32)
        chosen = precision.choose(model, batch, setting, recipe["epochs"] * steps)
    if callbacks:
        recipe = {**recipe, "average": 0.0}
    if chosen == precision.MIXED:
        net = precision.in_mixed_precision(model)
    execution = choose(model, steps_per_execution, steps, recipe["epochs"])
    std = _scale(data.description, data.train)
    compile_model(
        net,
        data.description,
        make_optimizer(recipe, recipe["epochs"] * steps),
        execution,
        target_std=std,
        huber=recipe.get("regression_loss") == "huber",
        label_smoothing=recipe.get("label_smoothing", 0.0),
    )
    # Keras evaluates the weights that it trains, in their precision; others are evaluated
    # separately.
    judge = _judge(model, data, std) if net is not model or recipe.get("average") else None
    keeper = BestEpoch(first_admissible_epoch, recipe["epochs"], label, sparsity, std**2, judge)
    first, last = 0, recipe["epochs"] if until is None else until
    if found is not None:
        found.restore(net)
        first = found.epoch
        keeper.go_on(found)
    # Each part of a training has its own order of samples.
    order = seed + 100_003 * first
    net.fit(
        training_batches(data.train, recipe["batch_size"], order, recipe.get("augmentation")),
        validation_data=None if judge else batches(data.validation, _VALIDATION_BATCH),
        initial_epoch=first,
        epochs=last,
        callbacks=[
            metering.MeterCallback(label, trial),
            *callbacks,
            keeper,
            keras.callbacks.TerminateOnNaN(),
        ],
        class_weight=_class_weights(data) if recipe.get("class_weights") == "balanced" else None,
        verbose=0,
    )
    if keeper.weights is None:
        raise TrainingError(
            f"{label}: no epoch from {first_admissible_epoch + 1} to {recipe['epochs']} has a "
            "finite validation loss; lower training.learning_rate, or increase the epochs."
        )
    model.set_weights(keeper.weights)
    facts = {**asdict(execution), **runtime.arithmetic()}
    if chosen == precision.MIXED:
        facts["precision"] = chosen
    for row in keeper.rows:
        row["selected"] = row["epoch"] == keeper.epoch
        row.update(facts)
    if end is not None:
        state = [variable.numpy() for variable in net.optimizer.variables]
        Checkpoint(last, chosen, net.get_weights(), state, keeper.weights, keeper.best).write(end)
    return Trained(keeper.rows, keeper.epoch, keeper.loss, keeper.best)


def validation_loss(model: keras.Model, data: TrainingData) -> float:
    """The loss of ``model`` on the validation split, as :func:`fit` computes it."""
    return evaluate(model, data.description, data.validation)["loss"]


def evaluate(model: keras.Model, description: Description, split: Split) -> dict[str, float]:
    """``loss`` and ``accuracy`` or ``mae`` of ``model`` on ``split``, in inference mode."""
    std = _scale(description, split)
    compile_model(model, description, keras.optimizers.SGD(), target_std=std)
    found = model.evaluate(batches(split, _VALIDATION_BATCH), verbose=0, return_dict=True)
    return {**found, "loss": found["loss"] * std**2}


def _class_weights(data: TrainingData) -> dict[int, float] | None:
    """Weight by label, inverse to the samples of its class in the train split, 1 on average.

    None for a regression. King and Zeng, Political Analysis 9 (2001), section 4.2.
    """
    if data.description.classes is None:
        return None
    counts = np.bincount(data.train.targets, minlength=data.description.classes)
    present = np.count_nonzero(counts)
    return {
        label: len(data.train) / (present * count) if count else 1.0
        for label, count in enumerate(counts.tolist())
    }


def _scale(description: Description, split: Split) -> float:
    """The divisor of a regression's errors; 1 for a classification."""
    return target_std(split.targets) if description.classes is None else 1.0


def _judge(
    model: keras.Model, data: TrainingData, std: float
) -> Callable[[list], dict[str, float]]:
    """A function of a model's weights: its validation figures in float32, named as Keras does."""
    with seeds_kept():
        copy = keras.models.clone_model(model)
    compile_model(copy, data.description, keras.optimizers.SGD(), target_std=std)
    split = batches(data.validation, _VALIDATION_BATCH)

    def judge(weights: list[np.ndarray]) -> dict[str, float]:
        copy.set_weights(weights)
        figures = copy.evaluate(split, verbose=0, return_dict=True)
        return {f"val_{name}": value for name, value in figures.items()}

    return judge
