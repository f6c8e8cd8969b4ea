"""The total cost of a run, and the nets that a search exports."""

import pytest

from nasturtium.records.runs import Run, run_names
from nasturtium.report.costs_in_all import lineage, with_choices, with_costs
from nasturtium.stages.scaled import largest_scale


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("baseline", {"baseline"}),
        ("pruned/channels-0.50", {"pruned/channels-0.50", "baseline"}),
        ("scratch/channels-0.50", {"scratch/channels-0.50", "pruned/channels-0.50", "baseline"}),
        ("nas", {"nas", "baseline"}),
        ("nas-small", {"nas", "baseline"}),
        ("nas-loss-knee", {"nas-loss", "baseline"}),
        ("nas_with_pruning-best", {"nas_with_pruning", "baseline"}),
        ("nas_pruned/magnitude-0.80", {"nas_pruned/magnitude-0.80", "nas", "baseline"}),
        ("retrained/nas-0003", {"retrained/nas-0003", "nas", "baseline"}),
        (
            "retrained_pruned/nas-loss-0003/channels-0.50",
            {
                "retrained_pruned/nas-loss-0003/channels-0.50",
                "retrained/nas-loss-0003",
                "nas-loss",
                "baseline",
            },
        ),
        ("random_search", {"random_search", "baseline"}),
        ("baseline_best_of_k", {"baseline_best_of_k"}),
        ("scaled", {"scaled", "nas", "baseline"}),
    ],
)
def test_a_run_costs_its_job_and_those_that_it_started_from(name, jobs):
    assert set(lineage(Run("digits", 0, name))) == jobs


def test_every_run_of_a_study_starts_from_runs_of_the_study():
    controls = ["baseline_longer", "scratch/channels", "pruned/random"]
    names = run_names(
        ["channels"],
        [0.5],
        controls,
        ["loss"],
        ["best", "small"],
        ["random_search", "baseline_best_of_k", "scaled"],
    )
    assert {source for name in names for source in Run("digits", 0, name).sources} <= set(names)


def test_the_best_of_several_baselines_was_chosen_from_as_many():
    def row(run, epochs):
        return {"dataset": "digits", "seed": 0, "run": run, "job_epochs": epochs}

    found = with_choices([row("baseline", 30), row("baseline_best_of_k", 120), row("nas", 90)])
    assert [one.get("chosen_from_trials") for one in found] == [None, 4, None]
    assert with_choices([row("baseline_best_of_k", 120)]) == [row("baseline_best_of_k", 120)]


def test_costs_add_up_and_are_null_where_one_is_not_known():
    def row(run, epochs, seconds, joules):
        own = {"job_epochs": epochs, "job_duration_s": seconds, "job_energy_j": joules}
        return {"dataset": "digits", "seed": 0, "run": run, **own}

    rows = with_costs(
        [
            row("baseline", 30, 10.0, 5.0),
            row("nas", 74, 60.0, None),
            row("nas-small", 30, 60.0, None),
            row("pruned/channels-0.50", 20, 7.0, 3.0),
            row("retrained/nas-0001", 30, 11.0, 6.0),
            row("scratch/channels-0.80", 50, 17.0, 9.0),
        ]
    )
    totals = [(r["total_epochs"], r["total_duration_s"], r["total_energy_j"]) for r in rows]
    assert totals == [
        (30, 10.0, 5.0),
        (104, 70.0, None),
        (104, 70.0, None),  # what the search did, and not the pick's own epochs
        (50, 17.0, 8.0),
        (134, 81.0, None),
        (None, None, None),  # the run whose shape it has is not there
    ]


@pytest.mark.parametrize("limit", [0.0004, 0.03, 0.5, 1.0, 3.7, 40.0])
def test_the_largest_scale_fits_and_is_the_largest(limit):
    found = largest_scale(lambda scale: scale <= limit)
    assert found <= limit < 1.01 * found + 1e-9
