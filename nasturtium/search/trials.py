"""Runs the trials of one search: build, fit a rung, strip, save, measure, score, record."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.errors import DamageError, SearchError, StorageError
from nasturtium.jobs import runtime
from nasturtium.models.files import load_model, save_model
from nasturtium.models.search_space import PRUNING_RATIO, SearchSpace, build_net
from nasturtium.search.expected import NOTHING_EXPECTED, expect
from nasturtium.search.judge import Judge
from nasturtium.search.ledger import Ledger
from nasturtium.search.limits import SKIPPED, Unfit, check_limits, has_given_up, tried
from nasturtium.search.measurer import Measurer
from nasturtium.search.state import SearchState
from nasturtium.search.time_limit import OutOfTime, limited, rung_deadlines_s
from nasturtium.search.trial import Training, begun_row, child_name, progress_text

logger = logging.getLogger(__name__)


class RepeatedFailure(SearchError):
    """A trial that failed before the search was interrupted, and is not run again."""


@dataclass
class Trials:
    """Runs the trials of one search.

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
    judge
        Scores each trial against the baseline.
    total
        Number of trials to come, for the progress line.
    keep
        Number of models with the lowest scores that stay on disk, besides those of the Pareto
        front.
    rungs
        Epochs at the end of each rung; None for one rung with all epochs. Nets are pruned only in
        the epochs of the last rung.
    state
        Holds each trial's record and model, for a search that is resumed.
    worker, sampler_seed
        Number of this process among those that run the search together, or None if it is alone, and
        the seed of its sampler. All workers use the outcomes that one of them has recorded.
    children_epochs
        Total epochs of all children; 0 for no children.
    trial_minutes, hours
        Time limits of a trial's rung and of all trials together; None for none.
    """

    space: SearchSpace
    data: TrainingData
    recipe: Mapping
    pruning: Mapping | None
    measurer: Measurer
    judge: Judge
    total: int
    seed: int
    label: str
    state: SearchState
    keep: int = 5
    rungs: Sequence[int] | None = None
    worker: int | None = None
    sampler_seed: int | None = None
    children_epochs: int = 0
    trial_minutes: float | None = None
    hours: float | None = None

    def __post_init__(self):
        self.rungs = list(self.rungs or [self.recipe["epochs"]])
        self.ledger = Ledger(self.state, self.keep, self.worker)
        self.training = Training(
            *(self.data, self.recipe, self.rungs, self.pruning, self.seed, self.label),
            checkpoint=self.checkpoint,
        )
        if self.is_resumed:
            logger.info(
                "%s: continues after an interruption; %d of %d trials are finished.",
                self.label,
                self.ledger.resumed,
                self.total,
            )

    @property
    def reference(self) -> Mapping:
        """The baseline's values by column."""
        return self.judge.reference

    @property
    def round_to(self) -> int:
        """Layers that are pruned keep a multiple of this number of channels."""
        return (self.pruning or {}).get("round_to", 1)

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier process ran some of the trials."""
        return self.ledger.resumed > 0

    @property
    def rows(self) -> list[dict]:
        """Rows of ``trials.parquet`` so far, without the run's identity."""
        return self.ledger.rows

    @property
    def epochs(self) -> list[dict]:
        """Rows of ``training.parquet`` so far, without the run's identity, by trial and epoch.

        As they were trained, rung by rung, an interrupted search would have them in another order.
        """
        return sorted(self.ledger.epochs, key=lambda row: (row["trial"], row["epoch"]))

    def row(self, name: str) -> Mapping:
        """The row of the trial ``name`` at the end of its first rung, which the oracle gets."""
        return self.ledger.first_row(name) or {"status": SKIPPED}

    def __call__(self, number: int, name: str, hyperparameters) -> float:
        """Run the first rung of trial ``number``, or use its recorded outcome; returns the score.

        A failure is recorded and raised again, and so is a net that is too large to be trained.
        """
        row = self._begun(number, name, dict(hyperparameters.values))
        first = self.ledger.recall(row)
        if first is not None:
            # Building registers hyperparameters with the oracle, as when the trial was run.
            self.space.build(hyperparameters)
            if first["status"] == SKIPPED:
                raise Unfit(first["reason"])
            if first["status"] != "completed":
                raise RepeatedFailure(first["reason"])
            return first["score"]
        if self.is_late(0):
            raise OutOfTime("search.hours are over; no further net is trained")
        self.rows.append(row)
        self.run_rung(row, 0, hyperparameters)
        return row["score"]

    def run_rung(self, row: dict, rung: int, hyperparameters=None) -> None:
        """Train a trial for one rung, and update its row, the ledger and its files.

        A failure is recorded and raised again.
        """
        start_s = time.monotonic()
        before = {**row}
        epochs: list[dict] = []
        row.update(status="failed", rung=rung)
        row.pop("reason", None)
        try:
            # The trial's joules are those of this window, whatever runs in it.
            window = self.measurer.meter.window("trial", key=self.label, trial=row["trial"])
            with window, limited(self.trial_minutes):
                self._train_and_measure(row, rung, hyperparameters, epochs, before)
            self.judge.judge(row, row["epochs"] / self.rungs[-1])
            row["status"] = "completed"
        except (StorageError, DamageError):
            raise  # it interrupts the search
        except Unfit as error:
            row.update(status=SKIPPED, reason=str(error))
            raise
        except Exception as error:
            row["reason"] = f"{type(error).__name__}: {error}".splitlines()[0]
            raise
        finally:
            row["duration_s"] = before["duration_s"] + time.monotonic() - start_s
            row["rss_bytes"] = psutil.Process().memory_info().rss
            self.ledger.take_stock(row, len(self.rungs) - 1)
            self._report(row)
            # If the search is interrupted, the rung is not recorded: it runs again later.
            if row["status"] == "completed" or "reason" in row:
                self.ledger.record(row, epochs)

    def run_anew(self, row: dict, rung: int) -> None:
        """Run a trial again, from new weights to the end of ``rung``."""
        logger.warning("%s: trial %s runs again.", self.label, row["trial"])
        kept = {name: row[name] for name in ("worker", "sampler_seed", "parent")}
        begun = self._begun(row["number"], row["trial"], json.loads(row["hyperparameters"]))
        self.ledger.restart(row["trial"])
        row.clear()
        row.update(begun, **kept)
        for again in [rung] if row["parent"] else range(rung + 1):
            self.run_rung(row, again)

    def begun_child(self, parent: Mapping, ratio: float) -> dict:
        """The row of a child of ``parent`` that is not yet trained."""
        name, values = child_name(parent["trial"], ratio), json.loads(parent["hyperparameters"])
        row = self._begun(len(self.rows), name, {**values, PRUNING_RATIO: ratio})
        return row | {"parent": parent["trial"]}

    def trained_net(self, row: dict) -> keras.Model:
        """The model of a trial; if it is damaged or gone, the trial runs again."""
        if not self.state.has_model(row):
            self.run_anew(row, row["rung"])
        return load_model(row["model_path"])

    def attempt(self, run: Callable[[dict, int], None], row: dict, rung: int) -> None:
        """Call ``run(row, rung)``; if it fails, only the trial has failed, not the search."""
        try:
            run(row, rung)
        except (StorageError, DamageError):
            raise  # it interrupts the search
        except Exception:
            logger.exception("Trial %s failed in rung %d.", row["trial"], row["rung"])

    def is_late(self, rung: int) -> bool:
        """Whether no net may begin ``rung`` any more; after the last one come children."""
        if self.hours is None:
            return False
        spent_s = sum(row["duration_s"] for row in self.ledger.known())
        deadlines = rung_deadlines_s(self.hours, self.total, self.rungs, self.children_epochs)
        return spent_s > deadlines[rung]

    def checkpoint(self, name: str, rung: int) -> Path:
        """File of the training state of the trial ``name`` at the end of ``rung``."""
        return self._folder(name) / f"rung{rung}.npz"

    @property
    def has_given_up(self) -> bool:
        """Whether none of the latest proposals satisfies the constraints."""
        return has_given_up(self.rows)

    def _begun(self, number: int, name: str, values: Mapping) -> dict:
        row = begun_row(
            number,
            name,
            values,
            judge=self.judge,
            epochs=self.rungs[0],
            batch_size=self.recipe["batch_size"],
            pruning_method=self.pruning and self.pruning["search_method"],
        )
        return row | {"worker": self.worker, "sampler_seed": self.sampler_seed}

    def _train_and_measure(
        self, row: dict, rung: int, hyperparameters, epochs: list[dict], before: Mapping
    ) -> None:
        runtime.seed_everything(self.seed)
        parent = self.ledger.row(row["parent"]) if row["parent"] else None
        if parent is not None:
            # Its joules include those of its parent, without which there would be no child.
            before = parent
            model = self.trained_net(parent)
        elif hyperparameters is not None:
            model = self.space.build(hyperparameters)
        else:
            model = build_net(self.space, json.loads(row["hyperparameters"]))
        if rung == 0 and parent is None:
            footprint = self.measurer.footprint
            check_limits(model, row, self.judge.constraints, footprint, self.round_to)
        if parent is None:
            model, trained = self.training.train_rung(model, row, rung)
        else:
            model, trained = self.training.train_child(model, row, parent)
        epochs.extend({"trial": row["trial"], **epoch} for epoch in trained.epochs)
        path = self._folder(row["trial"]) / "model.keras"
        save_model(model, path)
        row.update(
            self.measurer.saved(model, path),
            **self._energy(row, before),
            validation_loss=trained.validation_loss,
            validation_accuracy=trained.best["validation_accuracy"],
            validation_mae=trained.best["validation_mae"],
            best_epoch=trained.best_epoch,
            model_path=str(path),
        )
        is_pruned_later = bool(self.pruning) and rung < len(self.rungs) - 1
        row.update(expect(row) if is_pruned_later else NOTHING_EXPECTED)

    def _energy(self, row: Mapping, before: Mapping) -> dict:
        """Joules of the trial's fits, over all rungs; null if one was not measured."""
        energy = self.measurer.fit_energy(row["trial"])
        if (row["rung"] or row["parent"]) and energy["training_energy_j"] is not None:
            earlier = before.get("training_energy_j")
            energy["training_energy_j"] = earlier and earlier + energy["training_energy_j"]
        return energy

    def _folder(self, name: str) -> Path:
        return self.state.trials / f"trial_{name}"

    def _report(self, row: Mapping) -> None:
        known = tried(self.ledger.known()) or [row]
        spent_s = sum(done["duration_s"] for done in known) / len({d["worker"] for d in known})
        left_s = max(0, spent_s / len(known) * (self.total - len(known)))
        logger.info("%s: %s", self.label, progress_text(row, len(known), self.total, left_s))
