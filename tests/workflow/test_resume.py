"""Killed work continues where it stopped, with the same command and without unlocking."""

import os
import signal
import subprocess
import sys
import time

import pytest

from nasturtium.records.parquet import read_rows
from tests.workflow.conftest import TINY

TRIALS = 5


@pytest.fixture
def started(project):
    """The tiny study with a search of five trials, and a way to start it without waiting."""
    project.configure({**TINY, "search": {**TINY["search"], "trials": TRIALS, "rungs": 1}})
    done = project.snakemake("results/digits/seed0/baseline/model.keras")
    assert done.returncode == 0, done.stdout + done.stderr

    def start() -> subprocess.Popen:
        command = [sys.executable, "-m", "snakemake", "results/digits/seed0/nas/model.keras"]
        return subprocess.Popen(
            [*command, "--cores", "1", "--configfile", "tiny.yaml"],
            cwd=project.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    return start


def test_a_killed_search_goes_on_at_the_next_trial(project, started):
    records = project.path("state/digits/seed0/nas/trials")
    process = started()
    deadline = time.monotonic() + 120
    while len(list(records.glob("*/trial.json"))) < 2:
        assert process.poll() is None, "the search ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # In the middle of the third trial: Snakemake, its shell and the script, all at once.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in records.glob("*/trial.json")}
    assert 2 <= len(before) < TRIALS
    assert not project.path("results/digits/seed0/nas/trials.parquet").exists()
    done = project.snakemake("results/digits/seed0/nas/model.keras")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The last run was killed; its locks are removed" in done.stderr
    for path, written_ns in before.items():
        assert path.stat().st_mtime_ns == written_ns
    trials = read_rows(project.path("results/digits/seed0/nas/trials.parquet"))
    assert [row["trial"] for row in trials] == [f"{n:04d}" for n in range(TRIALS)]
    assert [row["best"] for row in trials].count(True) == 1
    assert f"{len(before)} of {TRIALS} trials" in done.stdout + done.stderr


def test_only_a_run_that_works_clears_the_locks_of_a_killed_one(project):
    lock = project.path(".snakemake/locks/0.output.lock")
    lock.parent.mkdir(parents=True)
    lock.write_text("results/data/digits/features.npy\n")
    target = "results/data/digits/features.npy"
    assert project.planned(target) == {"prepare_data": 1}
    assert lock.exists()
    done = project.snakemake(target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The last run was killed; its locks are removed" in done.stderr
    assert done.stdout == ""
    assert not lock.exists()
    assert "killed" not in project.snakemake(target).stderr
