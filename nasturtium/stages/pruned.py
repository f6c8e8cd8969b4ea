"""Stages ``pruned`` and ``nas_pruned``: a trained model, pruned while it is retrained."""

from collections.abc import Mapping
from pathlib import Path

import tf_keras as keras

from nasturtium import runtime
from nasturtium.data import prepared
from nasturtium.data.splits import TrainingData, training_data
from nasturtium.models.files import load_model, save_model
from nasturtium.pruning import magnitude
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.stages.metered import metered
from nasturtium.training.fit import Trained, fit, steps_per_epoch


def run(
    run: Run,
    source: str | Path,
    data_folder: str | Path,
    split: str | Path,
    folder: str | Path,
    settings: Mapping,
    code: str,
) -> None:
    """Prune the model at ``source`` by the run's method and ratio; write it to ``folder``.

    The source is loaded from its file for every run, with its trained weights, and the file is
    not touched.

    Parameters
    ----------
    settings
        Sections ``training`` and ``pruning``; the retraining takes its recipe from
        ``training`` and its epochs and learning rate from ``pruning``.
    """
    runtime.seed_everything(run.seed)
    with metered(run, folder, code):
        data = training_data(prepared.read(data_folder), split)
        trained, model = _prune(load_model(source), data, settings, run)
    rows = [{**run.identity, **epoch} for epoch in trained.epochs]
    write_table(Path(folder) / "training.parquet", TRAINING, rows, code=code)
    save_model(model, Path(folder) / "model.keras")


def _prune(
    model: keras.Model, data: TrainingData, settings: Mapping, run: Run
) -> tuple[Trained, keras.Model]:
    pruning = settings["pruning"]
    recipe = {
        **settings["training"],
        "epochs": pruning["epochs"],
        "learning_rate": pruning["learning_rate"],
    }
    schedule = magnitude.plan(
        recipe["epochs"], steps_per_epoch(data, recipe["batch_size"]), pruning["recovery"]
    )
    wrapped = magnitude.wrap(model, run.ratio, schedule)
    trained = fit(
        wrapped,
        data,
        recipe,
        seed=run.seed,
        label=run.label,
        first_admissible_epoch=schedule.first_admissible_epoch,
        steps_per_execution=magnitude.STEPS_PER_EXECUTION,
        callbacks=magnitude.callbacks(),
        sparsity=lambda: magnitude.masked_share(wrapped),
    )
    return trained, magnitude.strip(wrapped, run.ratio)
