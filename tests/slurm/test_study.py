"""The tiny study as jobs of a real Slurm; one search is cancelled while it runs."""

import datetime
import re

import pytest

from nasturtium.records.parquet import read_rows
from tests.workflow.conftest import TINY

pytestmark = pytest.mark.slurm

TRIALS = 5
# One method and no controls: the executor looks for the end of jobs after 5, 20 and 45 s, so the
# study takes as long as its chain of jobs is.
CONFIG = {
    **TINY,
    "threads": 1,
    "pruning": {"methods": ["channels"], "ratios": [0.5], "epochs": 4, "controls": []},
    "search": {**TINY["search"], "trials": TRIALS},
}


@pytest.fixture(scope="module")
def study(slurm_project):
    """The study, run by one command twice, since a search was cancelled in the first run."""
    project = slurm_project
    project.configure(CONFIG)
    records = project.path("state/digits/seed0/nas/trials")
    # Without the profile's retries, with which one command would have been enough.
    process = project.start("--retries", "0")
    project.wait_for(lambda: len(list(records.glob("*/trial.json"))) >= 2, process)
    project.cluster.run("scancel", project.job_of("nas"))
    project.first, _ = process.communicate()
    assert process.returncode != 0, "Snakemake did not see that the search was cancelled"
    project.kept = {path: path.stat().st_mtime_ns for path in records.glob("*/trial.json")}
    project.second = project.run("--retries", "0")
    return project


def test_every_run_is_in_the_summary(study):
    rows = read_rows(study.path("results/summary.parquet"))
    assert {row["run"] for row in rows} == {
        "baseline",
        "pruned/channels-0.50",
        "nas",
        "nas_pruned/channels-0.50",
        "nas_with_pruning",
    }
    assert study.path("results/report/summary.html").exists()


def test_all_but_tables_and_pictures_ran_as_jobs_of_slurm(study):
    logs = re.findall(r"rule_(\w+)/\S*\d+\.log\)", study.first + study.second)
    assert set(logs) == {
        "prepare_data",
        "split_data",
        "baseline",
        "measure",
        "latency",
        "pruned",
        "nas",
        "nas_pruned",
        "nas_with_pruning",
    }
    # Each once but the cancelled one: 5 runs, their measurements, the latencies of all, and the
    # data's two.
    assert len(logs) == 14
    assert logs.count("nas") == 2


def test_jobs_that_ran_at_once_had_different_gpus(study):
    jobs = []
    for log in study.path("logs/digits").rglob("*.log"):
        told = re.search(r"^(\S+ \S+),\d+ INFO .*GPU (\d+) \(CUDA_VISIBLE", log.read_text(), re.M)
        if told:
            begin_s = datetime.datetime.fromisoformat(told.group(1)).timestamp()
            jobs.append((begin_s, log.stat().st_mtime, told.group(2)))
    assert len(jobs) == 10
    at_once = [
        (gpu, other_gpu)
        for number, (begin_s, end_s, gpu) in enumerate(jobs)
        for other_begin_s, other_end_s, other_gpu in jobs[:number]
        if begin_s < other_end_s and other_begin_s < end_s
    ]
    assert len(at_once) >= 2
    assert all(gpu != other_gpu for gpu, other_gpu in at_once)


def test_the_cancelled_search_went_on_where_it_stopped(study):
    assert 2 <= len(study.kept) < TRIALS
    for path, written_ns in study.kept.items():
        assert path.stat().st_mtime_ns == written_ns
    trials = read_rows(study.path("results/digits/seed0/nas/trials.parquet"))
    assert [row["trial"] for row in trials] == [f"{n:04d}" for n in range(TRIALS)]
    assert (
        f"{len(study.kept)} of {TRIALS} trials"
        in study.path("logs/digits/seed0/nas.log").read_text()
    )
