"""Rows of the epochs of a training, and the weights of the best one."""

import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import tf_keras as keras

from nasturtium.jobs.logs import Progress
from nasturtium.training.checkpoint import Checkpoint
from nasturtium.training.losses import COMPARED
from nasturtium.training.optimizers import averaged_weights

_LOSSES = ("loss", "val_loss", "mse", "val_mse")


class BestEpoch(keras.callbacks.Callback):
    """Collects one row per epoch and keeps the weights of the best admissible epoch in memory."""

    def __init__(
        self,
        first_admissible: int,
        epochs: int,
        label: str,
        sparsity: Callable,
        unit: float,
        judge: Callable[[list], dict[str, float]] | None,
    ):
        super().__init__()
        self.rows: list[dict] = []
        self.weights: list[np.ndarray] | None = None
        self.best: dict | None = None
        self.epoch = -1
        self.loss = math.inf
        self._first_admissible = first_admissible
        self._label = label
        self._sparsity = sparsity
        self._unit = unit  # of a loss: the square of what errors are divided by
        self._judge = judge
        self._progress = Progress(epochs)
        self._epochs = epochs
        self._start_s = 0.0

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Continue with the best epoch so far."""
        if checkpoint.best is not None:
            self.best, self.weights = checkpoint.best, list(checkpoint.best_weights)
            self.epoch, self.loss = self.best["epoch"], self.best["validation_loss"]

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self._start_s = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Add the epoch's row; keep its weights if they are the best."""
        weights, averaged = None, False
        if self._judge is not None:
            weights, judged, averaged = self._judged()
            logs = {**logs, **judged}
        duration_s = time.monotonic() - self._start_s
        # Tables have no NaN or infinity: the value of a diverged epoch is null.
        figures = {
            name: float(value) * (self._unit if name in _LOSSES else 1.0)
            if math.isfinite(value)
            else None
            for name, value in logs.items()
        }
        # Epochs are chosen by the squared error, whatever was minimised, so that runs can be
        # compared.
        loss = _comparable(figures, "val_")
        admissible = epoch >= self._first_admissible
        is_best = admissible and loss is not None and loss < self.loss
        if is_best:
            self.epoch, self.loss = epoch, loss
            self.weights = self.model.get_weights() if weights is None else weights
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
                "averaged": averaged,
                "duration_s": duration_s,
            }
        )
        if is_best:
            self.best = self.rows[-1]
        self._progress.step(epoch + 1, self._line(epoch, figures))

    def _judged(self) -> tuple[list[np.ndarray], dict[str, float], bool]:
        """Weights, their validation figures, and whether they are the averaged ones, if better."""
        best = self.model.get_weights()
        figures, averaged = self._judge(best), averaged_weights(self.model)
        if averaged is None:
            return best, figures, False
        others = self._judge(averaged)
        is_better = not _comparable(figures, "val_") <= _comparable(others, "val_")
        return (averaged, others, True) if is_better else (best, figures, False)

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


def _comparable(figures: Mapping, prefix: str) -> float | None:
    """The loss by which epochs are compared, whatever was minimised."""
    names = (f"{prefix}{name}" for name in (*COMPARED, "loss"))
    return next((figures[name] for name in names if name in figures), None)


def _learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The rate of the last step; an optimizer with a schedule computes it from its step count."""
    return float(keras.backend.get_value(optimizer.learning_rate))
