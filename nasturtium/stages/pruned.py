"""Stages ``pruned`` and ``nas_pruned``: a trained model, pruned while it is retrained."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium import runtime
from nasturtium.data import prepared
from nasturtium.data.splits import training_data
from nasturtium.models.files import load_model, save_model
from nasturtium.pruning import magnitude
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.training.fit import fit, steps_per_epoch


def run(
    run: Run,
    source: str | Path,
    data_folder: str | Path,
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
        Sections ``split``, ``training`` and ``pruning``; the retraining takes its recipe from
        ``training`` and its epochs and learning rate from ``pruning``.
    """
    runtime.seed_everything(run.seed)
    data = training_data(prepared.read(data_folder), settings["split"], run.seed)
    pruning = settings["pruning"]
    recipe = {
        **settings["training"],
        "epochs": pruning["epochs"],
        "learning_rate": pruning["learning_rate"],
    }
    schedule = magnitude.plan(
        recipe["epochs"], steps_per_epoch(data, recipe["batch_size"]), pruning["recovery"]
    )
    wrapped = magnitude.wrap(load_model(source), run.ratio, schedule)
    trained = fit(
        wrapped,
        data,
        recipe,
        seed=run.seed,
        label=run.label,
        first_admissible_epoch=schedule.first_admissible_epoch,
        callbacks=magnitude.callbacks(),
        sparsity=lambda: magnitude.masked_share(wrapped),
    )
    rows = [{**run.identity, **epoch} for epoch in trained.epochs]
    write_table(Path(folder) / "training.parquet", TRAINING, rows, code=code)
    save_model(magnitude.strip(wrapped, run.ratio), Path(folder) / "model.keras")
