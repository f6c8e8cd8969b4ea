"""Stages ``nas`` and ``nas_with_pruning``: a search, and its best trial by the objective."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import training_data
from nasturtium.errors import SearchError
from nasturtium.models.files import load_model
from nasturtium.models.search_space import image_space, tabular_space
from nasturtium.records.atomic import atomic_path
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.records.trials import TRIALS
from nasturtium.search.candidate import measure_candidate
from nasturtium.search.objective import make_objective
from nasturtium.search.oracles import make_oracle
from nasturtium.search.trials import Trials
from nasturtium.search.tuner import TrialTuner
from nasturtium.training.fit import validation_loss
from nasturtium.training.frames import frame_of


def run(
    run: Run,
    baseline: str | Path,
    data_folder: str | Path,
    folder: str | Path,
    state: str | Path,
    settings: Mapping,
    code: str,
) -> None:
    """Search; write ``model.keras``, ``trials.parquet`` and ``training.parquet`` to ``folder``.

    There is no refit: ``model.keras`` is the best trial's file, byte for byte.

    Parameters
    ----------
    baseline
        Model whose values are the objective's reference.
    state
        Folder for the trials' models and the oracle's state; emptied first.
    settings
        Sections ``split``, ``training`` and ``search``; with a section ``pruning``, every trial
        is pruned while it trains, by a ratio that the search chooses.

    Raises
    ------
    SearchError
        No trial was completed.
    """
    data = training_data(prepared.read(data_folder), settings["split"], run.seed)
    search, pruning = settings["search"], settings.get("pruning")
    folder, state = Path(folder), Path(state)
    shutil.rmtree(state, ignore_errors=True)

    model = load_model(baseline)
    reference = measure_candidate(model, baseline, search)
    reference["validation_loss"] = validation_loss(model, data)
    reasons = {
        "gpu_inference_peak_bytes": reference["gpu_memory_reason"],
        "macs": reference["macs_reason"],
    }
    objective = make_objective(search["objective"], reference, reasons)

    build_space = image_space if data.description.is_image else tabular_space
    ratios = search["pruning_ratios"] if pruning else []
    space = build_space(frame_of(data), search, ratios)
    recipe = {**settings["training"], "epochs": search["epochs"]}
    trials = Trials(
        space, data, recipe, search, pruning, objective, run.seed, run.label, state / "trials"
    )
    TrialTuner(make_oracle(search, space, run.seed), space, trials, state / "oracle").search()

    best = trials.finish()
    if best is None:
        raise SearchError(f"{run.label}: no trial was completed; its log says why each failed.")
    rows = [{**run.identity, **row} for row in trials.rows]
    write_table(folder / "trials.parquet", TRIALS, rows, code=code)
    epochs = [{**run.identity, **row} for row in trials.epochs]
    write_table(folder / "training.parquet", TRAINING, epochs, code=code)
    with atomic_path(folder / "model.keras") as temporary:
        shutil.copyfile(best["model_path"], temporary)
