"""One trial: its row, and its training rung by rung, or as the child of another trial."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.models.search_space import LEARNING_RATE, PRUNING_RATIO
from nasturtium.search.judge import Judge
from nasturtium.settings.rungs import child_epochs
from nasturtium.training.checkpoint import Checkpoint
from nasturtium.training.fit import Trained, fit, steps_per_epoch
from nasturtium.training.pruned_fit import pruned_fit

# The hypervolume's reference point is this multiple of the baseline's loss and parameters.
REFERENCE_FACTOR = 10.0
# KerasTuner's name for the epochs that Hyperband gives a trial.
_HYPERBAND_EPOCHS = "tuner/epochs"


def begun_row(
    number: int,
    name: str,
    values: Mapping,
    *,
    judge: Judge,
    epochs: int,
    batch_size: int,
    pruning_method: str | None,
) -> dict:
    """The row of a new trial, with the columns of ``trials.parquet``.

    Parameters
    ----------
    values
        Hyperparameters.
    epochs
        Of the first rung; Hyperband sets its own.
    pruning_method
        None for a search without pruning.
    """
    objective, reference = judge.objective, judge.reference
    return {
        "trial": name,
        "parent": None,
        "number": number,
        "status": "failed",
        "rung": 0,
        "score_terms": sorted(objective.weights),
        "dropped_terms": [f"{term}: {why}" for term, why in sorted(objective.dropped.items())],
        "hyperparameters": json.dumps(values, sort_keys=True),
        "learning_rate": values[LEARNING_RATE],
        "pruning_method": pruning_method,
        "pruning_ratio": values[PRUNING_RATIO] if pruning_method else None,
        "batch_size": batch_size,
        "epochs": values.get(_HYPERBAND_EPOCHS, epochs),
        "duration_s": 0.0,
        "best": False,
        "on_pareto_front": False,
        "hypervolume_reference_loss": REFERENCE_FACTOR * reference["validation_loss"],
        "hypervolume_reference_parameters": REFERENCE_FACTOR * reference["parameters"],
    }


def child_name(parent: str, ratio: float) -> str:
    """The name of a child: its parent's, and the ratio in percent."""
    return f"{parent}-{round(100 * ratio):02d}"


@dataclass(frozen=True)
class Training:
    """How the nets of a search are trained.

    Attributes
    ----------
    recipe
        How a net is trained to the end of the last rung.
    rungs
        Epochs at the end of each rung.
    pruning
        Settings of the pruning inside every trial, or None for none.
    label
        Names the search in progress lines.
    checkpoint
        File of a trial's training state at the end of a rung.
    """

    data: TrainingData
    recipe: Mapping
    rungs: Sequence[int]
    pruning: Mapping | None
    seed: int
    label: str
    checkpoint: Callable[[str, int], Path]

    @property
    def child_epochs(self) -> int:
        """Epochs of a child."""
        steps = steps_per_epoch(self.data, self.recipe["batch_size"])
        return child_epochs(self.rungs[-1], steps)

    def train_rung(self, model: keras.Model, row: dict, rung: int) -> tuple[keras.Model, Trained]:
        """Train ``model`` to the end of ``rung``; returns the trained model and its epochs.

        A net that is to be pruned is trained dense before the last rung, and is pruned in the
        epochs of the last rung, since it can only be judged after its pruning schedule has ended.

        Parameters
        ----------
        row
            The trial's row of ``trials.parquet``, whose ``epochs`` and pruning facts are filled in.
        """
        last = rung == len(self.rungs) - 1
        # Only with one rung may a trial have its own number of epochs, set by Hyperband.
        until = self.rungs[rung] if len(self.rungs) > 1 else row["epochs"]
        whole = self.rungs[-1] if len(self.rungs) > 1 else until
        begin = self.checkpoint(row["trial"], rung - 1) if rung else None
        row["epochs"] = until
        if not (self.pruning and last):
            end = None if last else self.checkpoint(row["trial"], rung)
            recipe, common = self._recipe(row, whole), self._common(row)
            return model, fit(model, self.data, recipe, until=until, begin=begin, end=end, **common)
        if begin is not None:
            model.set_weights(list(Checkpoint.read(begin).weights))
            whole = until - self.rungs[rung - 1]
        return self._prune(model, row, whole, until - whole)

    def train_child(
        self, model: keras.Model, row: dict, parent: Mapping
    ) -> tuple[keras.Model, Trained]:
        """Prune ``model``, the trained net of ``parent``, further; returns it and its epochs.

        Parameters
        ----------
        row, parent
            Rows of ``trials.parquet``; the child's ``epochs`` and pruning facts are filled in.
            Epochs are counted on from those of its parent.
        """
        row["epochs"] = parent["epochs"] + self.child_epochs
        return self._prune(model, row, self.child_epochs, parent["epochs"])

    def _prune(
        self, model: keras.Model, row: dict, epochs: int, before: int
    ) -> tuple[keras.Model, Trained]:
        trained, pruned = pruned_fit(
            model,
            self.data,
            self._recipe(row, epochs),
            method=row["pruning_method"],
            ratio=row["pruning_ratio"],
            pruning=self.pruning,
            **self._common(row),
        )
        row.update(pruned.facts)
        return pruned.model, _shifted(trained, before)

    def _recipe(self, row: Mapping, epochs: int) -> dict:
        return {**self.recipe, "epochs": epochs, "learning_rate": row["learning_rate"]}

    def _common(self, row: Mapping) -> dict:
        label = f"{self.label} trial {row['trial']}"
        return {"seed": self.seed, "label": label, "trial": row["trial"]}


def _shifted(trained: Trained, first: int) -> Trained:
    """``trained`` with its epochs counted from ``first``."""
    if first:
        for row in trained.epochs:
            row["epoch"] += first
    return Trained(
        trained.epochs, trained.best_epoch + first, trained.validation_loss, trained.best
    )


def progress_text(row: Mapping, done: int, total: int, left_s: float) -> str:
    """The outcome of a trial's rung in one line.

    Parameters
    ----------
    done, total
        Number of trials so far, and in total.
    left_s
        Seconds that the first rungs will still take.
    """
    if row["status"] == "completed":
        loss = row["validation_loss"]
        outcome = f"score {row['score']:.3f}, loss {loss:.4g}, {row['parameters']:,} parameters"
        if row["shortfall"]:
            outcome += ", short of the tolerance"
    else:
        outcome = f"{row['status']}: {row.get('reason', 'interrupted')}"
    place = f"{done} of {total}" if row["rung"] == 0 else "promoted"
    if row["parent"]:
        place = f"child of {row['parent']}"
    left = "" if row["rung"] or row["parent"] else f", about {math.ceil(left_s)} s left"
    return (
        f"trial {row['trial']} ({place}), {row['epochs']} epochs: {outcome}, "
        f"{row['duration_s']:.1f} s{left}"
    )
