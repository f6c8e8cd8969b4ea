"""One trial: build, fit, keep the best admissible epoch, strip, save, measure, score, record."""

import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import tf_keras as keras

from nasturtium import runtime
from nasturtium.data.splits import TrainingData
from nasturtium.errors import SearchError, StorageError
from nasturtium.models.files import save_model
from nasturtium.models.search_space import LEARNING_RATE, PRUNING_RATIO, SearchSpace
from nasturtium.search.measurer import Measurer
from nasturtium.search.objective import TERMS, Objective
from nasturtium.search.pareto import hypervolume, pareto_front
from nasturtium.search.state import SearchState
from nasturtium.training.fit import Trained, fit
from nasturtium.training.pruned_fit import pruned_fit

logger = logging.getLogger(__name__)

# The hypervolume's reference point: so many times the baseline's validation loss and parameters.
REFERENCE_FACTOR = 10.0
# KerasTuner's name for the epochs that Hyperband gives a trial.
_HYPERBAND_EPOCHS = "tuner/epochs"


class RepeatedFailure(SearchError):
    """A trial that failed before the search was interrupted, and is not run again."""


@dataclass
class Trials:
    """Runs the trials of one search and keeps their rows.

    Attributes
    ----------
    space
        Builds a model from hyperparameters.
    recipe
        The training recipe, with the search's epochs; each trial brings its learning rate.
    pruning
        Settings of the pruning inside every trial, or None for none.
    measurer
        Measures each trial's saved model.
    reference
        The baseline's values by column; the hypervolume is counted from ten times its validation
        loss and parameters.
    total
        Number of trials to come, for the progress line.
    keep
        So many models of the lowest scores stay on disk, and those of the Pareto front.
    constraints
        Largest value by term of the objective that the exported model may have.
    state
        Each trial's record and model go there, and come from there in a resumed search.
    rows, epochs
        Rows of ``trials.parquet`` and ``training.parquet`` so far, without the run's identity.
    """

    space: SearchSpace
    data: TrainingData
    recipe: Mapping
    pruning: Mapping | None
    measurer: Measurer
    objective: Objective
    reference: Mapping
    total: int
    seed: int
    label: str
    state: SearchState
    keep: int = 5
    constraints: Mapping[str, float] = field(default_factory=dict)
    rows: list[dict] = field(default_factory=list)
    epochs: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self._recorded = self.state.recorded()
        # Failures that the search ended with may have had a cause that is gone by now.
        for name in sorted(self._recorded, reverse=True):
            if self._recorded[name]["row"]["status"] == "completed":
                break
            self.state.forget([name])
            del self._recorded[name]
        # Whether an earlier process ran some of the trials.
        self.is_resumed = bool(self._recorded)
        if self.is_resumed:
            logger.info(
                "%s: goes on after an interruption; %d of %d trials are done.",
                self.label,
                len(self._recorded),
                self.total,
            )

    def __call__(self, number: int, name: str, hyperparameters) -> float:
        """Run trial ``number``, or take its recorded outcome; its score.

        A failure is recorded and raised on.
        """
        values = dict(hyperparameters.values)
        row = self._begin(number, name, values)
        recorded = self._recorded.pop(name, None)
        if recorded and recorded["row"]["hyperparameters"] == row["hyperparameters"]:
            # Building tells the oracle of hyperparameters, as it did when the trial was run.
            self.space.build(hyperparameters)
            return self._take(recorded)
        if recorded:
            # Its models were judged in another order than this search's; none of them counts.
            logger.warning("%s: the oracle goes another way from trial %s on.", self.label, name)
            self.state.forget([name, *self._recorded])
            self._recorded.clear()
        start_s = time.monotonic()
        epochs: list[dict] = []
        self.rows.append(row)
        try:
            # The trial's joules are those between its borders, whatever runs inside.
            with self.measurer.meter.window("trial", key=self.label, trial=name):
                self._run(name, hyperparameters, row, epochs)
            row["score"] = self.objective.score(row)
            row["feasible"] = self._is_feasible(row)
            row["status"] = "completed"
        except StorageError:
            raise  # it interrupts the search
        except Exception as error:
            row["reason"] = f"{type(error).__name__}: {error}".splitlines()[0]
            raise
        finally:
            row["duration_s"] = time.monotonic() - start_s
            row["rss_bytes"] = psutil.Process().memory_info().rss
            self._take_stock(row)
            self._report(row)
            # What interrupts the search has no row: the trial is run again when it resumes.
            if row["status"] == "completed" or "reason" in row:
                self.state.record(row, epochs)
                self.epochs.extend(epochs)
        return row["score"]

    def row(self, name: str) -> Mapping:
        """The row of the trial ``name``."""
        return next(row for row in self.rows if row["trial"] == name)

    def finish(self) -> dict | None:
        """Mark the best trial and the Pareto front; the best trial's row, or None without one.

        The best has the lowest score among those that keep to the constraints.
        """
        mark_front(self.rows)
        self._remove_models([row for row in self.rows if row["status"] == "completed"])
        return mark_best(self.rows)

    def _begin(self, number: int, name: str, values: Mapping) -> dict:
        pruning = self.pruning
        loss, parameters = self._corner()
        return {
            "trial": name,
            "number": number,
            "status": "failed",
            "score_terms": sorted(self.objective.weights),
            "dropped_terms": [f"{k}: {v}" for k, v in sorted(self.objective.dropped.items())],
            "hyperparameters": json.dumps(values, sort_keys=True),
            "learning_rate": values[LEARNING_RATE],
            "pruning_method": pruning["search_method"] if pruning else None,
            "pruning_ratio": values[PRUNING_RATIO] if pruning else None,
            "batch_size": self.recipe["batch_size"],
            "epochs": values.get(_HYPERBAND_EPOCHS, self.recipe["epochs"]),
            "best": False,
            "on_pareto_front": False,
            "hypervolume_reference_loss": loss,
            "hypervolume_reference_parameters": parameters,
        }

    def _take(self, recorded: Mapping) -> float:
        row = recorded["row"]
        self.rows.append(row)
        self.epochs.extend(recorded["epochs"])
        if row["status"] != "completed":
            raise RepeatedFailure(row["reason"])
        return row["score"]

    def _is_feasible(self, row: Mapping) -> bool:
        return all(
            row[TERMS[term]] is not None and row[TERMS[term]] <= most
            for term, most in self.constraints.items()
        )

    def _corner(self) -> tuple[float, float]:
        return (
            REFERENCE_FACTOR * self.reference["validation_loss"],
            REFERENCE_FACTOR * self.reference["parameters"],
        )

    def _take_stock(self, row: dict) -> None:
        """The hypervolume after this trial, and the models that are worth keeping after it."""
        mark_front(self.rows)
        completed = [one for one in self.rows if one["status"] == "completed"]
        points = [_logarithms(one["validation_loss"], one["parameters"]) for one in completed]
        row["hypervolume"] = hypervolume(points, _logarithms(*self._corner()))
        self._remove_models(completed)

    def _remove_models(self, completed: Sequence[dict]) -> None:
        kept = sorted(completed, key=_order)[: self.keep]
        for one in completed:
            if not one["on_pareto_front"] and one not in kept and one.get("model_path"):
                # It can't come back: a dominated point stays so, and others only get better.
                Path(one["model_path"]).unlink(missing_ok=True)
                one["model_path"] = None

    def _run(self, name: str, hyperparameters, row: dict, epochs: list[dict]) -> None:
        runtime.seed_everything(self.seed)
        recipe = {name: row[name] for name in ("epochs", "learning_rate")}
        model = self.space.build(hyperparameters)
        model, trained = self._train(model, {**self.recipe, **recipe}, row)
        epochs.extend({"trial": name, **epoch} for epoch in trained.epochs)
        path = self.state.trials / f"trial_{name}" / "model.keras"
        save_model(model, path)
        row.update(
            self.measurer.saved(model, path),
            **self.measurer.fit_energy(name),
            validation_loss=trained.validation_loss,
            validation_accuracy=trained.best["validation_accuracy"],
            validation_mae=trained.best["validation_mae"],
            best_epoch=trained.best_epoch,
            model_path=str(path),
        )

    def _train(self, model: keras.Model, recipe: Mapping, row: dict) -> tuple[keras.Model, Trained]:
        label = f"{self.label} trial {row['number'] + 1}"
        if not self.pruning:
            trained = fit(model, self.data, recipe, seed=self.seed, label=label, trial=row["trial"])
            return model, trained
        trained, pruned = pruned_fit(
            model,
            self.data,
            recipe,
            method=row["pruning_method"],
            ratio=row["pruning_ratio"],
            pruning=self.pruning,
            seed=self.seed,
            label=label,
            trial=row["trial"],
        )
        row.update(pruned.facts)
        return pruned.model, trained

    def _report(self, row: Mapping) -> None:
        spent_s = sum(done["duration_s"] for done in self.rows)
        left_s = spent_s / len(self.rows) * (self.total - len(self.rows))
        if row["status"] == "completed":
            loss = row["validation_loss"]
            outcome = f"score {row['score']:.3f}, loss {loss:.4g}, {row['parameters']:,} parameters"
        else:
            outcome = f"failed: {row.get('reason', 'interrupted')}"
        logger.info(
            "%s: trial %d/%d %s, %.1f s, about %d s left",
            self.label,
            row["number"] + 1,
            self.total,
            outcome,
            row["duration_s"],
            math.ceil(left_s),
        )


def mark_front(rows: Sequence[dict]) -> None:
    """Say of each row whether it is on the front of validation loss and parameters."""
    completed = [row for row in rows if row["status"] == "completed"]
    front = pareto_front([(row["validation_loss"], row["parameters"]) for row in completed])
    for row, on_front in zip(completed, front, strict=True):
        row["on_pareto_front"] = on_front


def mark_best(rows: Sequence[dict]) -> dict | None:
    """Mark and return the row with the lowest score that keeps to the constraints, if any."""
    best = min(
        (row for row in rows if row["status"] == "completed" and row["feasible"]),
        key=_order,
        default=None,
    )
    if best is not None:
        best["best"] = True
    return best


def _order(row: Mapping) -> tuple[bool, float]:
    return (not row["feasible"], row["score"])


def _logarithms(loss: float, parameters: float) -> tuple[float, float]:
    # A loss of exactly zero would make the logarithm infinite.
    return math.log(max(loss, 1e-12)), math.log(parameters)
