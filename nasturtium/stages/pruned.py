"""Stages ``pruned`` and ``nas_pruned``: a trained model, pruned while it is retrained."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import training_data
from nasturtium.jobs import runtime
from nasturtium.models.files import load_model, save_model
from nasturtium.records.compaction import COMPACTION
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import NAS_PRUNED, Run
from nasturtium.records.training import TRAINING
from nasturtium.stages.metered import metered
from nasturtium.training.pruned_fit import pruned_fit
from nasturtium.training.recipe import pruning_of_searched_nets, retraining_recipe


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
    not touched. What is written is stripped, compacted and verified.

    Parameters
    ----------
    settings
        Sections ``training`` and ``pruning``; the retraining takes its recipe from ``training``
        and its epochs and learning rate from ``pruning``.
    """
    runtime.seed_everything(run.seed)
    folder = Path(folder)
    pruning = settings["pruning"]
    if run.stage == NAS_PRUNED:
        pruning = pruning_of_searched_nets(pruning)
    with metered(run, folder, code):
        data = training_data(prepared.read(data_folder), split)
        trained, pruned = pruned_fit(
            load_model(source),
            data,
            retraining_recipe(settings),
            method=run.method,
            ratio=run.ratio,
            pruning=pruning,
            seed=run.seed,
            label=run.label,
        )
    epochs = [{**run.identity, **epoch} for epoch in trained.epochs]
    write_table(folder / "training.parquet", TRAINING, epochs, code=code)
    done = {"method": run.method, "target_ratio": run.ratio, **pruned.facts}
    write_table(folder / "compaction.parquet", COMPACTION, [{**run.identity, **done}], code=code)
    save_model(pruned.model, folder / "model.keras")
