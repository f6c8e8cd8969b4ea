"""Four workers, each a job of Slurm, share one search; one is cancelled while it runs."""

import re

import pytest
import yaml

from nasturtium.records.parquet import read_rows
from tests.workflow.conftest import ROOT, TINY

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        "workers" not in SCHEMA["$defs"]["search"]["properties"],
        reason="searches have no workers yet",
    ),
]

TRIALS, WORKERS = 12, 4
CONFIG = {
    **TINY,
    "threads": 1,
    "search": {
        **TINY["search"],
        "tuner": "pareto",
        "tuner_with_pruning": "pareto",
        "workers": WORKERS,
        "trials": TRIALS,
        "rungs": 1,
        "epochs": 2,
        "filters": [4, 8, 16],
        # None is too large, so that each trial is trained.
        "size_limit": None,
    },
}
TARGET = "results/digits/seed0/nas/trials.parquet"


@pytest.fixture(scope="module")
def search(slurm_project):
    """The search, finished by one command: the profile's retries start the cancelled job again."""
    project = slurm_project
    project.configure(CONFIG)
    done = project.snakemake("results/digits/seed0/baseline/model.keras")
    assert done.returncode == 0, done.stdout + done.stderr
    records = project.path("state/digits/seed0/nas/trials")
    process = project.start(TARGET)
    project.wait_for(lambda: len(list(records.glob("*/trial.json"))) >= 3, process)
    project.cluster.run("scancel", project.job_of("search_worker"))
    project.kept = {path: path.stat().st_mtime_ns for path in records.glob("*/trial.json")}
    project.output, _ = process.communicate()
    assert process.returncode == 0, project.output
    return project


def test_no_trial_is_lost_and_none_runs_twice(search):
    trials = read_rows(search.path(TARGET))
    assert [row["trial"] for row in trials] == [f"{n:04d}" for n in range(TRIALS)]
    assert {row["status"] for row in trials} == {"completed"}
    assert len({row["hyperparameters"] for row in trials}) == TRIALS
    assert len({row["worker"] for row in trials}) > 1


def test_what_was_finished_before_the_cancellation_is_kept(search):
    assert 3 <= len(search.kept) < TRIALS
    for path, written_ns in search.kept.items():
        assert path.stat().st_mtime_ns == written_ns


def test_each_worker_was_a_job_and_the_cancelled_one_was_started_again(search):
    assert len(re.findall(r"rule_search_worker/\S*\d+\.log\)", search.output)) >= WORKERS + 1
    assert "CANCELLED" in search.output


def test_the_workers_had_different_gpus(search):
    logs = search.path("logs/digits/seed0").glob("nas.worker-*.log")
    told = [re.search(r"GPU (\d+) \(CUDA_VISIBLE", log.read_text()).group(1) for log in logs]
    assert len(told) == WORKERS
    assert len(set(told)) >= WORKERS - 1
