"""Stages ``nas`` and ``nas_with_pruning``: a search, and its best trial by the objective."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.prepared import CARD
from nasturtium.data.sources import file_sha256
from nasturtium.data.splits import TrainingData, training_data
from nasturtium.errors import SearchError
from nasturtium.models.files import load_model
from nasturtium.models.search_space import make_space
from nasturtium.records.atomic import atomic_path
from nasturtium.records.compaction import COMPACTION, FACTS
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import Run
from nasturtium.records.training import TRAINING
from nasturtium.records.trials import TRIALS
from nasturtium.search.measurer import Measurer
from nasturtium.search.objective import make_objective
from nasturtium.search.oracles import make_oracle
from nasturtium.search.state import SearchState, fingerprint, open_state
from nasturtium.search.trials import Trials
from nasturtium.search.tuner import TrialTuner
from nasturtium.stages.metered import metered
from nasturtium.training.frames import frame_of
from nasturtium.training.recipe import pruning_of_searched_nets


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
        Folder for the trials' records and models; an interrupted search goes on from them.
    settings
        Sections ``training`` and ``search``; with a section ``pruning``, every trial
        is pruned while it trains, by a ratio that the search chooses.

    Raises
    ------
    SearchError
        No trial was completed, none keeps to the constraints, or another process is at it.
    """
    folder = Path(folder)
    mark = fingerprint(
        code=code,
        seed=run.seed,
        card=Path(data_folder, CARD).read_text(),
        split=file_sha256(split),
        baseline=file_sha256(baseline),
        settings={**settings, "search": without_limits(settings["search"])},
    )
    with open_state(state, mark) as kept:
        with metered(run, folder, code) as meter:
            data = training_data(prepared.read(data_folder), split)
            measurer = Measurer(meter, settings["search"])
            values, reasons = kept.once(
                "reference",
                lambda: measurer.reference(load_model(baseline), baseline, baseline_energy, data),
            )
            trials = _search(run, data, measurer, values, reasons, kept, settings)
            if trials.is_resumed:
                # Each trial's own joules are in its row, whichever process ran it.
                meter.remark("the last attempt alone: earlier trials ran before an interruption")
            best = trials.finish()
            if best is None:
                raise SearchError(_nothing_found(run, trials))
            rows = [{**run.identity, **row} for row in trials.rows]
            write_table(folder / "trials.parquet", TRIALS, rows, code=code)
            if trials.pruning:
                facts = {name: best[name] for name in (field.name for field in FACTS)}
                done = {"method": best["pruning_method"], "target_ratio": best["pruning_ratio"]}
                row = {**run.identity, **done, **facts}
                write_table(folder / "compaction.parquet", COMPACTION, [row], code=code)
            epochs = [{**run.identity, **row} for row in trials.epochs]
            write_table(folder / "training.parquet", TRAINING, epochs, code=code)
            with atomic_path(folder / "model.keras") as temporary:
                shutil.copyfile(best["model_path"], temporary)
        kept.finish()


def without_limits(search: Mapping) -> dict:
    """``search`` less what does not change a trial: a search that may go on longer goes on."""
    limits = ("trials", "keep", "max_consecutive_failures")
    return {key: value for key, value in search.items() if key not in limits}


def _nothing_found(run: Run, trials: Trials) -> str:
    if any(row["status"] == "completed" for row in trials.rows):
        return (
            f"{run.label}: no trial keeps to search.constraints {dict(trials.constraints)}; loosen "
            "them, or give the search more trials or smaller sizes."
        )
    return f"{run.label}: no trial was completed; its log says why each failed."


def _search(
    run: Run,
    data: TrainingData,
    measurer: Measurer,
    reference: Mapping,
    reasons: Mapping,
    state: SearchState,
    settings: Mapping,
) -> Trials:
    search, pruning = settings["search"], settings.get("pruning")
    space = make_space(frame_of(data), search, search["pruning_ratios"] if pruning else [])
    trials = Trials(
        space=space,
        data=data,
        recipe={**settings["training"], "epochs": search["epochs"]},
        pruning=pruning and pruning_of_searched_nets(pruning),
        measurer=measurer,
        objective=make_objective(search["objective"], reference, reasons),
        reference=reference,
        total=search["trials"],
        seed=run.seed,
        label=run.label,
        state=state,
        keep=search["keep"],
        constraints=search["constraints"],
    )
    tuner = search["tuner_with_pruning"] if pruning else search["tuner"]
    if tuner == "pareto":
        oracle = _pareto(search, space, trials, reference, reasons, run.seed)
    else:
        oracle = make_oracle(search, tuner, space, run.seed)
    TrialTuner(oracle, space, trials, state.folder / "oracle").search()
    return trials


def _pareto(search: Mapping, space, trials: Trials, reference: Mapping, reasons: Mapping, seed):
    # Optuna takes half a second to import; only this oracle needs it.
    from nasturtium.search import pareto_oracle

    terms = pareto_oracle.measured_terms(search["pareto"]["objectives"], reference, reasons)
    return pareto_oracle.make_oracle(search, space, terms=terms, outcome=trials.row, seed=seed)
