"""The total cost of a run: its own job, and all jobs from whose results it started."""

from collections.abc import Mapping, Sequence

from nasturtium.records.runs import BASELINE, BEST_OF_K, Run

_OWN = {
    "total_epochs": "job_epochs",
    "total_duration_s": "job_duration_s",
    "total_energy_j": "job_energy_j",
}


def with_costs(rows: Sequence[Mapping]) -> list[dict]:
    """``rows`` of the summary, each with its total cost: epochs, seconds, joules.

    A figure is null if that of one of the jobs is null, or if one of the runs is not among the
    rows. A pick of a search has the cost of the search.
    """
    known = {(row["dataset"], row["seed"], row["run"]): row for row in rows}
    return [{**row, **_totals(row, known)} for row in rows]


def _totals(row: Mapping, known: Mapping) -> dict[str, float | None]:
    place = row["dataset"], row["seed"]
    names = lineage(Run(*place, row["run"]))
    jobs = [known.get((*place, name)) for name in names]
    found = {}
    for total, own in _OWN.items():
        figures = [job and job.get(own) for job in jobs]
        found[total] = None if None in figures else sum(figures)
    return found


def with_choices(rows: Sequence[Mapping]) -> list[dict]:
    """``rows`` of the summary; those of ``baseline_best_of_k`` with the number of its nets.

    Each net had the baseline's epochs, so their number is the job's total epochs divided by those
    of the baseline.
    """
    known = {(row["dataset"], row["seed"], row["run"]): row for row in rows}
    found = []
    for row in rows:
        baseline = known.get((row["dataset"], row["seed"], BASELINE), {})
        epochs, of_one = row.get("job_epochs"), baseline.get("job_epochs")
        if row["run"] == BEST_OF_K and epochs and of_one:
            row = {**row, "chosen_from_trials": round(epochs / of_one)}
        found.append(dict(row))
    return found


def lineage(run: Run) -> list[str]:
    """Names of the runs whose jobs made ``run``, each once; a pick's job is its search's."""
    found: list[str] = []
    waiting = [run]
    while waiting:
        current = waiting.pop()
        if current.name not in found and current.pick is None:
            found.append(current.name)
        waiting += [Run(run.dataset, run.seed, name) for name in current.sources]
    return found
