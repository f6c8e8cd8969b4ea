"""One training loop for all stages: compile, fit, keep the best admissible epoch."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import tf_keras as keras

from nasturtium import metering
from nasturtium.data.batches import batches, training_batches
from nasturtium.data.catalog import Description
from nasturtium.data.splits import Split, TrainingData
from nasturtium.errors import TrainingError
from nasturtium.jobs import runtime
from nasturtium.jobs.logs import Progress
from nasturtium.training.execution import MOST_STEPS_PER_EXECUTION, Execution, choose
from nasturtium.training.frame_statistics import target_std
from nasturtium.training.losses import StandardisedError, squared_error_metric
from nasturtium.training.optimizers import make_optimizer

logger = logging.getLogger(__name__)

_VALIDATION_BATCH = 1024
_LOSSES = ("loss", "val_loss", "mse", "val_mse")


@dataclass(frozen=True)
class Trained:
    """What a training did; the model holds the weights of ``best_epoch``.

    Attributes
    ----------
    epochs
        A row an epoch, in the columns of ``training.parquet``.
    best_epoch
        Number of the kept epoch, counted from 0: the lowest validation loss among the admissible.
    validation_loss
        Its validation loss: cross-entropy, or squared error in the target's unit squared.
    """

    epochs: list[dict]
    best_epoch: int
    validation_loss: float

    @property
    def best(self) -> dict:
        """The row of the kept epoch."""
        return self.epochs[self.best_epoch]


def steps_per_epoch(data: TrainingData, batch_size: int) -> int:
    """Optimizer steps of one epoch, the last partial batch included."""
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
) -> Trained:
    """Train ``model`` in place by ``recipe`` and leave it at its best admissible epoch.

    Parameters
    ----------
    recipe
        ``epochs``, ``batch_size``, ``optimizer``, ``learning_rate``, ``schedule``,
        ``weight_decay``, ``class_weights``, for a regression ``regression_loss`` and, where images
        are changed by chance, ``augmentation``.
    label
        Names the run in progress lines and in the windows of its energy.
    trial
        Trial of a search that the energy belongs to.
    first_admissible_epoch
        Epochs before it are never kept: a pruning schedule has not ended there, and their weights
        are denser than asked for.
    steps_per_execution
        Most steps that TensorFlow runs without coming back to Python; 1 for callbacks that have
        to act at every step.
    sparsity
        Called at the end of each epoch; its value goes to the epoch's row.

    Raises
    ------
    TrainingError
        No admissible epoch has a finite validation loss.
    """
    steps = steps_per_epoch(data, recipe["batch_size"])
    execution = choose(model, steps_per_execution, steps, recipe["epochs"])
    std = _scale(data.description, data.train)
    compile_model(
        model,
        data.description,
        make_optimizer(recipe, recipe["epochs"] * steps),
        execution,
        target_std=std,
        huber=recipe.get("regression_loss") == "huber",
    )
    keeper = _BestEpoch(first_admissible_epoch, recipe["epochs"], label, sparsity, std**2)
    model.fit(
        training_batches(data.train, recipe["batch_size"], seed, recipe.get("augmentation")),
        validation_data=batches(data.validation, _VALIDATION_BATCH),
        epochs=recipe["epochs"],
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
            "finite validation loss; lower training.learning_rate or raise the epochs."
        )
    model.set_weights(keeper.weights)
    facts = {**asdict(execution), **runtime.arithmetic()}
    for row in keeper.rows:
        row["selected"] = row["epoch"] == keeper.epoch
        row.update(facts)
    return Trained(keeper.rows, keeper.epoch, keeper.loss)


def validation_loss(model: keras.Model, data: TrainingData) -> float:
    """The loss of ``model`` on the validation split, as :func:`fit` computes it."""
    return evaluate(model, data.description, data.validation)["loss"]


def evaluate(model: keras.Model, description: Description, split: Split) -> dict[str, float]:
    """``loss`` and ``accuracy`` or ``mae`` of ``model`` on ``split``, in inference mode."""
    std = _scale(description, split)
    compile_model(model, description, keras.optimizers.SGD(), target_std=std)
    found = model.evaluate(batches(split, _VALIDATION_BATCH), verbose=0, return_dict=True)
    return {**found, "loss": found["loss"] * std**2}


def compile_model(
    model: keras.Model,
    description: Description,
    optimizer: keras.optimizers.Optimizer,
    execution: Execution = Execution(1, False),  # noqa: B008  (frozen)
    target_std: float = 1.0,
    huber: bool = False,
) -> None:
    """Compile with the task's loss and metrics: cross-entropy and accuracy, or MSE and MAE.

    A regression's loss is of errors divided by ``target_std``, and its MAE is in the target's unit.
    With ``huber`` it minimises Huber's loss instead of the squared error, which becomes the metric
    ``mse``, divided alike.
    """
    if description.classes is not None:
        loss = keras.losses.SparseCategoricalCrossentropy()
        metrics = [keras.metrics.SparseCategoricalAccuracy("accuracy")]
    else:
        loss = StandardisedError(target_std, huber)
        metrics = [keras.metrics.MeanAbsoluteError("mae")]
        metrics += [squared_error_metric(target_std)] if huber else []
    model.compile(optimizer, loss, metrics=metrics, **asdict(execution))


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
    """What a regression's errors are divided by; 1 for a classification."""
    return target_std(split.targets) if description.classes is None else 1.0


class _BestEpoch(keras.callbacks.Callback):
    """Collects a row an epoch and keeps the weights of the best admissible one in memory."""

    def __init__(
        self, first_admissible: int, epochs: int, label: str, sparsity: Callable, unit: float
    ):
        super().__init__()
        self.rows: list[dict] = []
        self.weights: list[np.ndarray] | None = None
        self.epoch = -1
        self.loss = math.inf
        self._first_admissible = first_admissible
        self._label = label
        self._sparsity = sparsity
        self._unit = unit  # of a loss: the square of what errors are divided by
        self._progress = Progress(epochs)
        self._epochs = epochs
        self._start_s = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._start_s = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        duration_s = time.monotonic() - self._start_s
        # NaN and infinity have no place in a table: a diverged epoch's figure is null.
        figures = {
            name: float(value) * (self._unit if name in _LOSSES else 1.0)
            if math.isfinite(value)
            else None
            for name, value in logs.items()
        }
        # Choices are by the squared error whatever was minimised, so that runs can be compared.
        loss = figures.get("val_mse", figures.get("val_loss"))
        admissible = epoch >= self._first_admissible
        if admissible and loss is not None and loss < self.loss:
            self.epoch, self.loss = epoch, loss
            self.weights = self.model.get_weights()
        self.rows.append(
            {
                "epoch": epoch,
                "loss": figures["loss"],
                "validation_loss": loss,
                "accuracy": figures.get("accuracy"),
                "validation_accuracy": figures.get("val_accuracy"),
                "mae": figures.get("mae"),
                "validation_mae": figures.get("val_mae"),
                "learning_rate": _learning_rate(self.model.optimizer),
                "sparsity": self._sparsity(),
                "admissible": admissible,
                "duration_s": duration_s,
            }
        )
        self._progress.step(epoch + 1, self._line(epoch, figures))

    def _line(self, epoch: int, figures: Mapping) -> str:
        metric = "val_accuracy" if "val_accuracy" in figures else "val_mae"
        value = figures.get(metric)
        shown = "diverged" if value is None else f"{value:.4f}"
        loss, sparsity = figures["loss"], self.rows[-1]["sparsity"]
        return (
            f"{self._label}: epoch {epoch + 1}/{self._epochs}, "
            f"loss {'diverged' if loss is None else f'{loss:.4g}'}, {metric} {shown}"
            + ("" if sparsity is None else f", sparsity {sparsity:.2f}")
        )


def _learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The rate of the last step; an optimizer with a schedule computes it from its step count."""
    return float(keras.backend.get_value(optimizer.learning_rate))
