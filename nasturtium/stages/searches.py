"""The parts of a search that are the same for one process and for several workers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nasturtium.data.prepared import CARD
from nasturtium.data.sources import file_sha256
from nasturtium.errors import SearchError
from nasturtium.jobs.job import Job
from nasturtium.metering import Meter
from nasturtium.models.files import load_model
from nasturtium.models.reference_nets import scaled_reference
from nasturtium.models.search_space import make_space
from nasturtium.records.checksums import check_zip, read_json
from nasturtium.records.compaction import FACTS
from nasturtium.records.energy import ENERGY, POWER
from nasturtium.records.parquet import read_rows
from nasturtium.records.runs import PICKS, Run
from nasturtium.records.trials import TRIALS
from nasturtium.search.limits import tried
from nasturtium.search.measurer import Measurer
from nasturtium.search.run import make_trials, oracle_of, run_trials
from nasturtium.search.state import SearchState, fingerprint
from nasturtium.search.trials import Trials
from nasturtium.training.frame_statistics import frame_of
from nasturtium.training.recipe import pruning_of_searched_nets

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """The inputs of a search.

    Attributes
    ----------
    job
        Its settings have ``training`` and ``search``. With a section ``pruning``, every trial is
        pruned while it is trained, with a ratio that the search chooses.
    baseline, baseline_energy, baseline_training
        The model with the objective's reference values, and ``energy.parquet`` and
        ``training.parquet`` of its training.
    """

    job: Job
    baseline: str | Path
    baseline_energy: str | Path
    baseline_training: str | Path

    @property
    def run(self) -> Run:
        """The run that the search makes."""
        return self.job.run

    @property
    def settings(self) -> Mapping:
        """Exactly what the search depends on."""
        return self.job.settings

    @property
    def is_pruned(self) -> bool:
        """Whether its trials are pruned."""
        return bool(self.settings.get("pruning"))

    @property
    def tuner(self) -> str:
        """The tuner, which chooses the next net."""
        return self.settings["search"]["tuner_with_pruning" if self.is_pruned else "tuner"]

    def fingerprint(self, *, shared: bool) -> str:
        """Fingerprint of what decides its trials; ``shared`` by several workers or not."""
        # A damaged file must not look like another search, since the state would be emptied.
        check_zip(self.job.split)
        check_zip(self.baseline)
        settings = {**self.settings, "search": without_limits(self.settings["search"])}
        return fingerprint(
            code=self.job.code,
            seed=self.run.seed,
            card=read_json(self.job.data_folder / CARD),
            split=file_sha256(self.job.split),
            baseline=file_sha256(self.baseline),
            settings=settings,
            # A single process asks its oracle again when it is resumed; a shared study continues.
            **({"shared": True} if shared else {}),
        )


def without_limits(search: Mapping) -> dict:
    """``search`` without keys that change no trial, such as limits of time."""
    limits = ("trials", "budget", "children_share", "children_epochs", "hours", "keep")
    limits += ("max_consecutive_failures", "tolerance_points", "tolerance_mae")
    return {key: value for key, value in search.items() if key not in limits}


def trials_of(
    task: Task, state: SearchState, meter: Meter, worker: int | None = None
) -> tuple[Trials, dict]:
    """The search's trials, and the reason for each value of the baseline that is None."""
    run, settings = task.run, task.settings["search"]
    training, pruning = task.settings["training"], task.settings.get("pruning")
    data = task.job.data()
    measurer = Measurer(meter, settings, task.baseline)
    reference, reasons = state.measured_once(
        "reference",
        lambda: measurer.reference(
            load_model(task.baseline), task.baseline, task.baseline_energy, data
        ),
    )
    measurer.baseline_latency_ms = reference.get("tflite_latency_ms")
    frame = frame_of(data)
    space = make_space(
        frame,
        settings,
        settings["pruning_ratios"] if pruning else [],
        scaled_reference(run.dataset, training, data.description.reference, frame.vocabulary),
    )
    trials = make_trials(
        settings,
        space,
        data,
        {**training, "epochs": settings["epochs"]},
        measurer=measurer,
        reference=reference,
        reasons=reasons,
        state=state,
        seed=run.seed,
        label=run.label if worker is None else f"{run.label} worker {worker}",
        pruning=pruning and pruning_of_searched_nets(pruning),
        worker=worker,
        tuner=task.tuner,
        curve=read_rows(task.baseline_training),
    )
    if trials.is_resumed:
        # Each trial's own joules are in its row, whichever process ran it.
        meter.remark("the last attempt alone: earlier trials ran before an interruption")
    return trials, reasons


def search(
    task: Task,
    state: SearchState,
    meter: Meter,
    worker: int | None = None,
    storage: str | None = None,
) -> Trials:
    """Run the search's trials, alone or as a worker on the study in ``storage``."""
    run, settings = task.run, task.settings["search"]
    trials, reasons = trials_of(task, state, meter, worker)
    folder = state.folder if worker is None else state.tables(worker)
    shared = None
    if worker is not None:
        from nasturtium.search.study.storage import open_storage

        name = "-".join([run.dataset, f"seed{run.seed}", run.name.replace("/", "-"), state.nonce])
        shared = (lambda: open_storage(storage, state.folder / "study.journal", name)), name
    oracle = oracle_of(settings, task.tuner, trials, reasons, shared)
    run_trials(trials, oracle, folder / "oracle")
    return trials


def write_results(
    task: Task,
    rows: Sequence[Mapping],
    epochs: Sequence[Mapping],
    best: Mapping | None,
) -> None:
    """Write ``trials.parquet``, ``training.parquet``, the effects of pruning and ``model.keras``.

    There is no refit: ``model.keras`` is the best trial's file, byte for byte.

    Raises
    ------
    SearchError
        There is no best trial.
    DamageError
        Its model is damaged or missing.
    """
    if best is None:
        raise SearchError(_nothing_found(task, rows))
    task.job.write_table("trials.parquet", TRIALS, rows)
    _export(task.job, best, epochs, is_pruned=task.is_pruned)


def write_picks(task: Task, rows: Sequence[Mapping], epochs: Sequence[Mapping]) -> None:
    """Write the runs of the picks: one net each, with its own epochs and the search's energy.

    If there is no net for a pick, it is the search's best one. To be called after the search's
    ``energy.parquet`` is written.

    Raises
    ------
    DamageError
        A model is damaged or missing.
    """
    job = task.job
    best = next(row for row in rows if row["best"])
    windows = read_rows(job.folder / "energy.parquet")
    for pick in PICKS:
        row = next((row for row in rows if pick in row["picked_as"]), None)
        if row is None:
            logger.warning(
                "%s: no net is suitable for the pick '%s', so %s-%s is the same net as %s.",
                *(job.run.label, pick, job.run.name, pick, job.run.name),
            )
        chosen = row or best
        run = replace(job.run, name=f"{job.run.name}-{pick}")
        picked = replace(job, run=run, folder=job.folder.with_name(f"{job.folder.name}-{pick}"))
        own = [epoch for epoch in epochs if epoch["trial"] == chosen["trial"]]
        _export(picked, chosen, own, is_pruned=task.is_pruned)
        joules = [w for w in windows if w["trial"] in (None, chosen["trial"])]
        picked.write_table("energy.parquet", ENERGY, [{**w, **run.identity} for w in joules])
        picked.write_table("power.parquet", POWER, [])


def _export(job: Job, row: Mapping, epochs: Sequence[Mapping], *, is_pruned: bool) -> None:
    """Write the model of the trial ``row`` to the folder of ``job``, byte for byte."""
    found = Path(row["model_path"])
    check_zip(
        found,
        remedy=f"remove {found.parent} and run the same command again, so that the trial is too",
    )
    compaction = None
    if is_pruned:
        facts = {name: row[name] for name in (field.name for field in FACTS)}
        method, ratio = row["pruning_method"], row["pruning_ratio"]
        compaction = {"method": method, "target_ratio": ratio, **facts}
    job.write(found, epochs, compaction)


def _nothing_found(task: Task, rows: Sequence[Mapping]) -> str:
    limits = dict(task.settings["search"]["constraints"])
    if rows and not tried(rows):
        return (
            f"{task.run.label}: none of the {len(rows)} proposed nets satisfies "
            f"search.constraints {limits} (search.device sets int8_flash and int8_ram, and "
            "search.size_limit sets parameters); relax the constraints, or give the search smaller "
            f"sizes (for the last net: {rows[-1]['reason']})."
        )
    if any(row["status"] == "completed" for row in rows):
        return (
            f"{task.run.label}: no trial satisfies search.constraints {limits} (search.device sets "
            "int8_flash and int8_ram, and search.size_limit sets parameters); relax the "
            "constraints, or give the search more trials or smaller sizes."
        )
    if any(row["worker"] is not None for row in rows):
        return (
            f"{task.run.label}: no trial was completed; read in the logs of its workers why each "
            "trial failed, and try again with '--forcerun search_worker'."
        )
    return f"{task.run.label}: no trial was completed; read in its log why each trial failed."
