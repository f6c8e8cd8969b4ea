"""Stages ``nas`` and ``nas_with_pruning``: a search, and its best trial by the objective."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import TrainingData, training_data
from nasturtium.errors import SearchError
from nasturtium.models.files import load_model
from nasturtium.models.search_space import image_space, tabular_space
from nasturtium.records.atomic import atomic_path
from nasturtium.records.compaction import COMPACTION, FACTS
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.records.trials import TRIALS
from nasturtium.search.measurer import Measurer
from nasturtium.search.objective import make_objective
from nasturtium.search.oracles import make_oracle
from nasturtium.search.trials import Trials
from nasturtium.search.tuner import TrialTuner
from nasturtium.stages.metered import metered
from nasturtium.training.frames import frame_of


def run(
    run: Run,
    baseline: str | Path,
    baseline_energy: str | Path,
    data_folder: str | Path,
    split: str | Path,
    folder: str | Path,
    state: str | Path,
    settings: Mapping,
    code: str,
) -> None:
    """Search; write ``model.keras``, ``trials.parquet`` and ``training.parquet`` to ``folder``.

    There is no refit: ``model.keras`` is the best trial's file, byte for byte.

    Parameters
    ----------
    baseline, baseline_energy
        Model whose values are the objective's reference, and ``energy.parquet`` of its training.
    state
        Folder for the trials' models and the oracle's state; emptied first.
    settings
        Sections ``training`` and ``search``; with a section ``pruning``, every trial
        is pruned while it trains, by a ratio that the search chooses.

    Raises
    ------
    SearchError
        No trial was completed.
    """
    folder, state = Path(folder), Path(state)
    shutil.rmtree(state, ignore_errors=True)
    with metered(run, folder, code) as meter:
        data = training_data(prepared.read(data_folder), split)
        measurer = Measurer(meter, settings["search"])
        reference = measurer.reference(load_model(baseline), baseline, baseline_energy, data)
        trials = _search(run, data, measurer, reference, state, settings)
        best = trials.finish()
    if best is None:
        raise SearchError(f"{run.label}: no trial was completed; its log says why each failed.")
    rows = [{**run.identity, **row} for row in trials.rows]
    write_table(folder / "trials.parquet", TRIALS, rows, code=code)
    if trials.pruning:
        facts = {name: best[name] for name in (field.name for field in FACTS)}
        done = {"method": best["pruning_method"], "target_ratio": best["pruning_ratio"], **facts}
        row = {**run.identity, **done}
        write_table(folder / "compaction.parquet", COMPACTION, [row], code=code)
    epochs = [{**run.identity, **row} for row in trials.epochs]
    write_table(folder / "training.parquet", TRAINING, epochs, code=code)
    with atomic_path(folder / "model.keras") as temporary:
        shutil.copyfile(best["model_path"], temporary)


def _search(
    run: Run,
    data: TrainingData,
    measurer: Measurer,
    reference: tuple[dict, dict],
    state: Path,
    settings: Mapping,
) -> Trials:
    search, pruning = settings["search"], settings.get("pruning")
    build_space = image_space if data.description.is_image else tabular_space
    space = build_space(frame_of(data), search, search["pruning_ratios"] if pruning else [])
    trials = Trials(
        space=space,
        data=data,
        recipe={**settings["training"], "epochs": search["epochs"]},
        pruning=pruning,
        measurer=measurer,
        objective=make_objective(search["objective"], *reference),
        total=search["trials"],
        seed=run.seed,
        label=run.label,
        folder=state / "trials",
    )
    TrialTuner(make_oracle(search, space, run.seed), space, trials, state / "oracle").search()
    return trials
