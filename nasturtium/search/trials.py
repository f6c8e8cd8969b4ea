"""One trial: build, fit, keep the best admissible epoch, strip, save, measure, score."""

import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tf_keras as keras

from nasturtium import runtime
from nasturtium.data.splits import TrainingData
from nasturtium.models.files import save_model
from nasturtium.models.search_space import LEARNING_RATE, PRUNING_RATIO, SearchSpace
from nasturtium.search.measurer import Measurer
from nasturtium.search.objective import Objective
from nasturtium.search.pareto import pareto_front
from nasturtium.training.fit import Trained, fit
from nasturtium.training.pruned_fit import pruned_fit

logger = logging.getLogger(__name__)


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
    total
        Number of trials to come, for the progress line.
    folder
        Each trial's model goes to a folder of its own in it.
    rows, epochs
        Rows of ``trials.parquet`` and ``training.parquet`` so far, without the run's identity.
    """

    space: SearchSpace
    data: TrainingData
    recipe: Mapping
    pruning: Mapping | None
    measurer: Measurer
    objective: Objective
    total: int
    seed: int
    label: str
    folder: Path
    rows: list[dict] = field(default_factory=list)
    epochs: list[dict] = field(default_factory=list)

    def __call__(self, number: int, name: str, hyperparameters) -> float:
        """Run trial ``number``; its score. A failure is recorded and raised on."""
        start_s = time.monotonic()
        values = dict(hyperparameters.values)
        recipe = {**self.recipe, "learning_rate": values[LEARNING_RATE]}
        row = {
            "trial": name,
            "number": number,
            "status": "failed",
            "score_terms": sorted(self.objective.weights),
            "dropped_terms": [f"{k}: {v}" for k, v in sorted(self.objective.dropped.items())],
            "hyperparameters": json.dumps(values, sort_keys=True),
            "learning_rate": recipe["learning_rate"],
            "pruning_method": self.pruning["search_method"] if self.pruning else None,
            "pruning_ratio": values[PRUNING_RATIO] if self.pruning else None,
            "batch_size": recipe["batch_size"],
            "epochs": recipe["epochs"],
            "best": False,
            "on_pareto_front": False,
        }
        self.rows.append(row)
        try:
            # The trial's joules are those between its borders, whatever runs inside.
            with self.measurer.meter.window("trial", key=self.label, trial=name):
                self._run(name, hyperparameters, recipe, row)
            row["score"] = self.objective.score(row)
            row["status"] = "completed"
        except Exception as error:
            row["reason"] = f"{type(error).__name__}: {error}".splitlines()[0]
            raise
        finally:
            row["duration_s"] = time.monotonic() - start_s
            self._report(row)
        return row["score"]

    def finish(self) -> dict | None:
        """Mark the best trial and the Pareto front; the best trial's row, or None without one."""
        completed = [row for row in self.rows if row["status"] == "completed"]
        if not completed:
            return None
        front = pareto_front([(row["validation_loss"], row["parameters"]) for row in completed])
        for row, on_front in zip(completed, front, strict=True):
            row["on_pareto_front"] = on_front
        best = min(completed, key=lambda row: row["score"])
        best["best"] = True
        return best

    def _run(self, name: str, hyperparameters, recipe: Mapping, row: dict) -> None:
        runtime.seed_everything(self.seed)
        model, trained = self._train(self.space.build(hyperparameters), recipe, row)
        self.epochs.extend({"trial": name, **epoch} for epoch in trained.epochs)
        path = self.folder / f"trial_{name}" / "model.keras"
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
