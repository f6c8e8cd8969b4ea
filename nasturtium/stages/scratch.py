"""Control ``scratch``: the shape that a pruning left, trained from new initial weights."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import training_data
from nasturtium.jobs import runtime
from nasturtium.models.files import load_model, save_model
from nasturtium.models.weights import with_new_weights
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.stages.metered import metered
from nasturtium.training.fit import fit
from nasturtium.training.recipe import total_recipe


def run(
    run: Run,
    source: str | Path,
    data_folder: str | Path,
    split: str | Path,
    folder: str | Path,
    settings: Mapping,
    code: str,
) -> None:
    """Train the shape of the model at ``source`` anew; write it to ``folder``.

    It is trained for as many epochs as the baseline and its pruning together (the control of Liu
    et al. 2019, arXiv 1810.05270, section 3, "Scratch-E" with the same number of epochs). What it
    reaches was in the shape; what ``pruned`` reaches beyond it was in the weights.

    Parameters
    ----------
    settings
        Sections ``training`` and ``pruning``; the recipe is the baseline's.
    """
    runtime.seed_everything(run.seed)
    with metered(run, folder, code):
        data = training_data(prepared.read(data_folder), split)
        model = with_new_weights(load_model(source))
        trained = fit(model, data, total_recipe(settings), seed=run.seed, label=run.label)
    rows = [{**run.identity, **epoch} for epoch in trained.epochs]
    write_table(Path(folder) / "training.parquet", TRAINING, rows, code=code)
    save_model(model, Path(folder) / "model.keras")
