"""The runs and files of a study, as the rules request them."""

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nasturtium.settings import configuration
from nasturtium.settings.plan import Plan, compaction_of_run, run_outputs, wildcard_patterns
from nasturtium.settings.schema import load_schema

PARETO = {"tuner": "pareto", "tuner_with_pruning": "pareto"}


def plan(**given) -> Plan:
    return Plan(configuration.validated({"datasets": ["digits"], **given}, load_schema()))


def of(**wildcards) -> SimpleNamespace:
    return SimpleNamespace(dataset="digits", seed="0", **wildcards)


def test_each_run_of_each_seed_and_data_set_is_measured():
    pruning = {"methods": ["channels"], "ratios": [0.5], "controls": ["baseline_longer"]}
    small = plan(datasets=["digits", "diabetes"], seeds=[0, 3], pruning=pruning)
    metrics = small.metrics(None)
    assert len(metrics) == len(set(metrics)) == 2 * 2 * 8
    assert "results/diabetes/seed3/nas_pruned/channels-0.50/metrics.parquet" in metrics
    assert [path.replace("metrics", "predictions") for path in metrics] == small.predictions(None)
    assert small.trials(None) == [
        f"results/{dataset}/seed{seed}/{search}/trials.parquet"
        for dataset in ("digits", "diabetes")
        for seed in (0, 3)
        for search in ("nas", "nas_with_pruning")
    ]


def test_a_data_set_of_its_own_settings_has_runs_of_its_own():
    own = {"digits": {"pruning": {"ratios": [0.25], "methods": ["magnitude"], "controls": []}}}
    names = [run.name for run in plan(per_dataset=own).runs("digits")]
    assert [name for name in names if "magnitude" in name] == [
        "pruned/magnitude-0.25",
        "nas_pruned/magnitude-0.25",
    ]


def test_nets_are_trained_for_int8_only_where_asked():
    pruning = {"methods": ["channels"], "ratios": [0.5], "controls": ["baseline_longer"]}
    without = [run.name for run in plan(pruning=pruning).runs("digits")]
    found = plan(pruning=pruning, quantisation={"enabled": True}).runs("digits")
    assert [run.name for run in found if run.name not in without] == [
        "quantised",
        "pruned_quantised/channels-0.50",
        "nas_quantised",
        "nas_with_pruning_quantised",
    ]


def test_figures_read_the_trials_of_searches_alone():
    tables = plan().tables(of())
    assert "results/digits/seed0/nas/trials.parquet" in tables
    assert "results/digits/seed0/baseline/trials.parquet" not in tables
    assert "results/digits/seed0/baseline/training.parquet" in tables


def test_a_search_waits_for_as_many_workers_as_there_are_or_were():
    three = plan(search={**PARETO, "workers": 3})
    search = "digits/seed0/nas"
    ends = three.worker_ends(of(), search, None)
    assert ends == [f"results/digits/seed0/nas/worker-{n}.done" for n in range(3)]
    # What is finished is not made again because there would be more workers now.
    assert len(three.worker_ends(of(), search, {"workers": 2})) == 2
    assert three.worker_ends(of(), search, {"workers": 1}) == []
    assert plan().worker_ends(of(), search, None) == []


@pytest.mark.parametrize(("cores", "threads"), [(None, 4), (16, 4), (6, 3), (1, 1)])
def test_workers_share_the_cores_of_a_machine(cores, threads):
    assert plan(search={**PARETO, "workers": 2}).worker_threads(of(), cores) == threads


def test_a_search_with_an_objective_of_its_own_depends_on_that_one():
    given = plan(search={"objectives": {"tiny": {"parameters": 2.0}}})
    default = given.search_settings("nas")(of(objective=""))
    named = given.search_settings("nas")(of(objective="-tiny"))
    assert named["search"]["objective"] == {"parameters": 2.0}
    assert default["search"]["objective"] != named["search"]["objective"]
    assert given.worker_settings(of(search="nas-tiny")) == named


def test_what_is_pruned_has_a_compaction_table():
    folder = "results/digits/seed0/nas_with_pruning"
    assert compaction_of_run(of(run="nas_with_pruning")) == {
        "compaction": f"{folder}/compaction.parquet"
    }
    assert compaction_of_run(of(run="scratch/channels-0.50")) == {}


def test_a_run_s_files_lie_in_its_directory():
    assert run_outputs("nas{objective}", "trials") == {
        name: f"results/{{dataset}}/seed{{seed}}/nas{{objective}}/{file}"
        for name, file in {
            "model": "model.keras",
            "training": "training.parquet",
            "trials": "trials.parquet",
            "energy": "energy.parquet",
            "power": "power.parquet",
        }.items()
    }


@pytest.mark.parametrize(
    ("wildcard", "good", "bad"),
    [
        ("dataset", "digits", "nothing"),
        ("ratio", "0.50", "0.5"),
        ("run", "retrained_pruned/nas-tiny-0003/channels-0.50", "retrained_pruned/channels-0.50"),
        ("run", "nas_with_pruning-small", "nas-Small"),
        ("run", "nas-loss-small", "nas-small-small"),
        ("objective", "-smaller", "-small"),
        ("run", "pruned/random-0.25", "pruned/magic-0.25"),
        ("search", "nas-loss", "nas-small"),
        ("run", "pruned_quantised/channels-0.25", "quantised/channels-0.25"),
        ("run", "nas_with_pruning_quantised", "nas_quantised-"),
        ("trial", "0003", "3"),
    ],
)
def test_wildcards_take_the_names_of_runs_and_nothing_else(wildcard, good, bad):
    patterns = wildcard_patterns(configuration.validated({}, load_schema()))
    assert re.fullmatch(patterns[wildcard], good)
    assert not re.fullmatch(patterns[wildcard], bad)


def test_every_configured_run_is_one_that_the_rules_know():
    methods = ["magnitude", "channels", "random"]
    everything = plan(pruning={"methods": methods}, quantisation={"enabled": True})
    pattern = wildcard_patterns(configuration.validated({}, load_schema()))["run"]
    assert all(re.fullmatch(pattern, run.name) for run in everything.runs("digits"))


def test_planning_loads_nothing_heavy():
    code = (
        "import sys, nasturtium.settings.plan; "
        "print({'tensorflow', 'optuna', 'pandas', 'snakemake'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
