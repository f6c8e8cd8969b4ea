"""One trial: build, fit, keep the best admissible epoch, strip, save, measure, score, record."""

import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil
import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.errors import SearchError, StorageError
from nasturtium.jobs import runtime
from nasturtium.models.files import save_model
from nasturtium.models.search_space import LEARNING_RATE, PRUNING_RATIO, SearchSpace
from nasturtium.search.measurer import Measurer
from nasturtium.search.objective import TERMS, Objective
from nasturtium.search.picks import covered, mark_best, mark_front, remove_models
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
    worker
        Number of this process among those that run the search together, or None where it is alone.
        A worker's outcomes are recorded for all, and none of them is run again.
    sampler_seed
        Of the worker's sampler.
    rows, epochs
        Rows of ``trials.parquet`` and ``training.parquet`` so far, without the run's identity; of
        a worker its own.
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
    worker: int | None = None
    sampler_seed: int | None = None
    rows: list[dict] = field(default_factory=list)
    epochs: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self._recorded = self.state.recorded()
        own = [
            name
            for name, done in self._recorded.items()
            if self.worker is None or done["row"]["worker"] == self.worker
        ]
        # Failures that the search ended with may have had a cause that is gone by now.
        for name in sorted(own, reverse=True):
            if self._recorded[name]["row"]["status"] == "completed":
                break
            self.state.forget([name])
            del self._recorded[name]
            own.remove(name)
        # Whether an earlier process ran some of the trials.
        self.is_resumed = bool(own)
        if self.is_resumed:
            logger.info(
                "%s: goes on after an interruption; %d of %d trials are done.",
                self.label,
                len(self._recorded),
                self.total,
            )
        if self.worker is not None:
            self._recorded.clear()

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
        """The row of the trial ``name``, which this process ran."""
        return next(row for row in self.rows if row["trial"] == name)

    def finish(self) -> dict | None:
        """Mark the best trial and the Pareto front; the best trial's row, or None without one.

        The best has the lowest score among those that keep to the constraints.
        """
        mark_front(self.rows)
        remove_models(self.rows, self.keep)
        return mark_best(self.rows)

    def _begin(self, number: int, name: str, values: Mapping) -> dict:
        pruning = self.pruning
        loss, parameters = self._corner()
        return {
            "trial": name,
            "number": number,
            "worker": self.worker,
            "sampler_seed": self.sampler_seed,
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
        known = self._known()
        mark_front(known)
        row["hypervolume"] = covered(known)
        remove_models(known, self.keep)

    def _known(self) -> list[dict]:
        """The rows of all workers so far."""
        if self.worker is None:
            return self.rows
        own = {row["trial"] for row in self.rows}
        others = (done["row"] for done in self.state.recorded().values())
        return [*(row for row in others if row["trial"] not in own), *self.rows]

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
        known = self._known()
        spent_s = sum(done["duration_s"] for done in known) / len({d["worker"] for d in known})
        left_s = max(0, spent_s / len(known) * (self.total - len(known)))
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
