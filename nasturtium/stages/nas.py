"""Stages ``nas`` and ``nas_with_pruning``: a search, and its best trial by the objective.

One process runs it, or several workers share it and a last one collects what they found.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from nasturtium import metering
from nasturtium.errors import DamageError, SearchError
from nasturtium.metering.workers import join, note_machine, write_joined
from nasturtium.records.atomic import atomic_path
from nasturtium.search.children import breed
from nasturtium.search.finishing import finish
from nasturtium.search.limits import tried
from nasturtium.search.picks import covered
from nasturtium.search.promotion import promote
from nasturtium.search.state import SearchState, provenance_of
from nasturtium.search.state_access import gather_state, join_state, open_state
from nasturtium.search.study.password import password_hidden
from nasturtium.search.trial_files import is_damaged
from nasturtium.stages.searches import Task, search, trials_of, write_picks, write_results

__all__ = ["Task", "gather", "run", "work"]

logger = logging.getLogger(__name__)


def run(task: Task, state: str | Path) -> None:
    """Search; write ``model.keras``, ``trials.parquet`` and ``training.parquet``.

    Parameters
    ----------
    state
        Folder for the trials' records and models, from which an interrupted search continues.

    Raises
    ------
    SearchError
        No trial was completed, none satisfies the constraints, or another process runs the search.
    """
    with open_state(state, task.fingerprint(shared=False)) as kept:
        with task.job.metered() as meter:
            trials = search(task, kept, meter)
            best = finish(trials)
            write_results(task, trials.rows, trials.epochs, best)
        write_picks(task, trials.rows, trials.epochs)
        kept.finish(provenance_of(task.settings, task.job.code, 1))


def work(task: Task, worker: int, state: str | Path, storage: str | None, done: str | Path) -> None:
    """Run trials of a search as one of its workers, until there are as many as were asked for.

    Parameters
    ----------
    worker
        Its number; a worker that was killed continues with the same number.
    storage
        URL of an Optuna storage, or None for a journal file in the state.
    done
        Empty file that shows that it finished.

    Raises
    ------
    SearchError
        It is already running, workers of another search are, or the storage can't be opened.
    """
    with password_hidden(), join_state(state, task.fingerprint(shared=True), worker) as kept:
        if kept.measured_once("storage", lambda: storage) != storage:
            raise SearchError(
                f"search.storage has changed, but the study of the trials in {state} is in the old "
                "storage; change it back, or remove that folder to start again."
            )
        tables = kept.tables(worker)
        if not ((tables / "energy.parquet").exists() and _is_complete(task, kept)):
            (tables / "energy.parquet").unlink(missing_ok=True)
            note_machine(tables)
            with task.job.metered(tables) as meter:
                search(task, kept, meter, worker, storage)
        kept.note_end()
    with atomic_path(done) as temporary:
        temporary.write_text("", encoding="utf-8")


def gather(task: Task, state: str | Path, workers: int) -> None:
    """Collect the workers' results into the files that :func:`run` writes.

    Parameters
    ----------
    workers
        The number of workers.

    Raises
    ------
    SearchError
        No trial was completed, none satisfies the constraints, or a worker is still running.
    """
    with gather_state(state, task.fingerprint(shared=True)) as kept:
        recorded = kept.recorded()
        rows = [recorded[name]["row"] for name in sorted(recorded)]
        lost, total = kept.lost_workers(), task.settings["search"]["trials"]
        if lost and len(tried(rows)) < total:
            # Fewer workers than before: the others had already finished when one was lost.
            raise SearchError(
                f"{task.run.label}: only {len(tried(rows))} of {total} trials are finished, since "
                f"worker {lost[0]} was lost; run the same command with '--forcerun search_worker'."
            )
        if len(rows) < (were := kept.at_end()):
            raise SearchError(
                f"{state}: the records of {were - len(rows)} of {were} trials are missing or "
                "damaged; run the same command with '--forcerun search_worker' to run these trials "
                "again."
            )
        # The workers' trials are promoted here, in tables like those of a further worker.
        tables = kept.tables(workers)
        promotes = task.settings["search"]["rungs"] > 1
        if promotes:
            note_machine(tables)
        quiet = metering.session(sources=[], idle_s=0)
        with task.job.metered(tables) if promotes else quiet as meter:
            trials, _ = trials_of(task, kept, meter)
            trials.ledger.adopt_all()
            promote(trials)
            breed(trials)
            best = finish(trials)
        rows = trials.rows
        for number, row in enumerate(rows):
            row["hypervolume"] = covered(rows[: number + 1])
        tables = {n: kept.tables(n) for n in kept.workers_with_tables()}
        damaged = [n for n, folder in tables.items() if not _is_readable(folder)]
        readable = {n: folder for n, folder in tables.items() if n not in damaged}
        windows, samples = join(readable or tables)
        _judge(rows, windows, lost, damaged)
        write_results(task, rows, trials.epochs, best)
        write_joined(task.job.folder, windows, samples, code=task.job.code)
        write_picks(task, rows, trials.epochs)
        kept.finish(provenance_of(task.settings, task.job.code, workers))


def _is_complete(task: Task, state: SearchState) -> bool:
    rows = [done["row"] for done in state.recorded().values()]
    completed = any(row["status"] == "completed" for row in rows)
    return completed and len(tried(rows)) >= task.settings["search"]["trials"]


def _is_readable(folder: Path) -> bool:
    """Whether a worker's own tables are undamaged; if not, there is a warning."""
    try:
        return bool(join({0: folder}))
    except DamageError as error:
        if not is_damaged(error):
            raise
        logger.warning("%s The energy of this worker is missing in the run's energy.", error)
        return False


def _judge(
    rows: list[dict], windows: list[dict], lost: Sequence[int], damaged: Sequence[int]
) -> None:
    """Mark joules that are known to be shared, or incomplete, only from all workers together."""
    shared = {
        (window["worker"], window["trial"])
        for window in windows
        if window["kind"] == "fit" and window["is_best"] and window["quality"] == "shared"
    }
    for row in rows:
        if (row["worker"], row["trial"]) in shared:
            row["training_energy_quality"] = "shared"
    missing = [
        f"without worker {', '.join(map(str, workers))}, {why}"
        for workers, why in (
            (lost, "which did not finish"),
            (damaged, "whose tables were damaged"),
        )
        if workers
    ]
    for window in windows:
        if window["kind"] == "job":
            window["reason"] = "; ".join(filter(None, [window["reason"], *missing])) or None
