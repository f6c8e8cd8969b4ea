"""Control ``baseline_longer``: the baseline, trained on for a pruning's epochs, unpruned."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import training_data
from nasturtium.jobs import runtime
from nasturtium.models.files import load_model, save_model
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.stages.metered import metered
from nasturtium.training.fit import fit
from nasturtium.training.recipe import retraining_recipe


def run(
    run: Run,
    source: str | Path,
    data_folder: str | Path,
    split: str | Path,
    folder: str | Path,
    settings: Mapping,
    code: str,
) -> None:
    """Train the baseline at ``source`` on by the recipe of a pruning; write it to ``folder``.

    What ``pruned`` gains over the baseline by its epochs alone, this gains too. Any of its epochs
    may be kept, as no schedule has to end.

    Parameters
    ----------
    settings
        Sections ``training`` and ``pruning``.
    """
    runtime.seed_everything(run.seed)
    with metered(run, folder, code):
        data = training_data(prepared.read(data_folder), split)
        model = load_model(source)
        recipe = retraining_recipe(settings)
        trained = fit(model, data, recipe, seed=run.seed, label=run.label)
    rows = [{**run.identity, **epoch} for epoch in trained.epochs]
    write_table(Path(folder) / "training.parquet", TRAINING, rows, code=code)
    save_model(model, Path(folder) / "model.keras")
