"""Stage ``baseline``: the reference net of the data set, trained."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import training_data
from nasturtium.jobs import runtime
from nasturtium.models.files import save_model
from nasturtium.models.reference_nets import build_reference
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.stages.metered import metered
from nasturtium.training.fit import fit
from nasturtium.training.frame_statistics import frame_of


def run(
    run: Run,
    data_folder: str | Path,
    split: str | Path,
    folder: str | Path,
    settings: Mapping,
    code: str,
) -> None:
    """Train the reference net; write it, its history and its energy to ``folder``.

    Parameters
    ----------
    settings
        Section ``training``.
    """
    runtime.seed_everything(run.seed)
    with metered(run, folder, code):
        data = training_data(prepared.read(data_folder), split)
        model = build_reference(run.dataset, frame_of(data), data.description.reference)
        trained = fit(model, data, settings["training"], seed=run.seed, label=run.label)
    rows = [{**run.identity, **epoch} for epoch in trained.epochs]
    write_table(Path(folder) / "training.parquet", TRAINING, rows, code=code)
    save_model(model, Path(folder) / "model.keras")
