"""Stage ``retrained``: any trial of a search, trained for the full budget."""

import json
from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import training_data
from nasturtium.errors import SearchError
from nasturtium.jobs import runtime
from nasturtium.models.files import save_model
from nasturtium.models.search_space import LEARNING_RATE, build_net, make_space
from nasturtium.records.parquet import read_rows, write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.stages.metered import metered
from nasturtium.training.fit import fit
from nasturtium.training.frame_statistics import frame_of


def run(
    run: Run,
    trials: str | Path,
    trial: str,
    data_folder: str | Path,
    split: str | Path,
    folder: str | Path,
    settings: Mapping,
    code: str,
) -> None:
    """Train the net of ``trial`` anew by the baseline's recipe; write it to ``folder``.

    It is not pruned, whatever the trial was; ``retrained_pruned`` does that.

    Parameters
    ----------
    trials
        ``trials.parquet`` of the search.
    settings
        Section ``training``, and of ``search`` what makes the space. The learning rate is the
        trial's.

    Raises
    ------
    SearchError
        The search has no such trial.
    """
    rows = {row["trial"]: row for row in read_rows(trials)}
    if trial not in rows:
        raise SearchError(f"{trials}: has no trial '{trial}'; choose from {', '.join(rows)}.")
    values = json.loads(rows[trial]["hyperparameters"])
    runtime.seed_everything(run.seed)
    with metered(run, folder, code):
        data = training_data(prepared.read(data_folder), split)
        model = build_net(make_space(frame_of(data), settings["search"], []), values)
        recipe = {**settings["training"], "learning_rate": values[LEARNING_RATE]}
        trained = fit(model, data, recipe, seed=run.seed, label=run.label)
    epochs = [{**run.identity, **epoch} for epoch in trained.epochs]
    write_table(Path(folder) / "training.parquet", TRAINING, epochs, code=code)
    save_model(model, Path(folder) / "model.keras")
