"""The cost of the study: time and joules by stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nasturtium.records.runs import Run


@dataclass(frozen=True)
class Cost:
    """The jobs of one stage on one data set.

    Attributes
    ----------
    jobs
        Number of jobs that made a model; measuring it does not count.
    duration_s
        Sum of their wall times, seconds.
    energy_j
        Sum of their joules, including idle power; None if one of them was not measured.
    methods
        How energy was measured.
    reason
        Why there is no sum, or a remark on it.
    """

    dataset: str
    stage: str
    jobs: int
    duration_s: float
    energy_j: float | None
    methods: str
    reason: str | None


def costs(rows: Sequence[Mapping]) -> list[Cost]:
    """The cost of each data set and stage of a summary, in its order."""
    groups: dict[tuple[str, str], list[Mapping]] = {}
    for row in rows:
        if Run(row["dataset"], row["seed"], row["run"]).pick is not None:
            continue  # its search's job made it
        groups.setdefault((row["dataset"], row["stage"]), []).append(row)
    return [_cost(dataset, stage, group) for (dataset, stage), group in groups.items()]


def _cost(dataset: str, stage: str, group: Sequence[Mapping]) -> Cost:
    joules = [row["job_energy_j"] for row in group]
    missing = sum(value is None for value in joules)
    reasons = sorted({row["job_energy_reason"] for row in group} - {None})
    if missing and missing < len(joules):
        reasons.insert(0, f"{missing} of {len(joules)} jobs not measured")
    return Cost(
        dataset,
        stage,
        len(group),
        sum(row["job_duration_s"] for row in group),
        None if missing else sum(joules),
        ", ".join(sorted({row["job_energy_method"] for row in group} - {"none"})),
        "; ".join(reasons) or None,
    )
