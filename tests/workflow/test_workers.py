"""Two workers share a search; one is killed, and the same command finishes it."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from nasturtium.records.parquet import read_rows
from tests.workflow.conftest import TINY

TRIALS = 8
SEARCH = {
    **TINY["search"],
    "epochs": 2,
    "trials": TRIALS,
    "rungs": 1,
    "tuner": "pareto",
    "tuner_with_pruning": "pareto",
    "workers": 2,
    "storage": "sqlite:///study.sqlite",
}
TARGET = "results/digits/seed0/nas/model.keras"
PASSWORD = "xyzzy-made-up"


@pytest.mark.long
def test_a_search_by_two_workers_survives_one_of_them(project):
    project.configure({**TINY, "search": SEARCH})
    done = project.snakemake("results/digits/seed0/baseline/model.keras")
    assert done.returncode == 0, done.stdout + done.stderr
    environment = {"NASTURTIUM_STORAGE_PASSWORD": PASSWORD}
    records = project.path("state/digits/seed0/nas/trials")
    command = [sys.executable, "-m", "snakemake", TARGET, "--configfile", "tiny.yaml"]
    process = subprocess.Popen(
        [*command, "--cores", "2", "--resources", "gpu=2"],
        cwd=project.folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while len(list(records.glob("*/trial.json"))) < 3:
        assert process.poll() is None, "the search ended before a worker could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workers = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.name().startswith("python") and "search_worker" in " ".join(child.cmdline())
    ]
    assert len(workers) == 2
    workers[0].send_signal(signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in records.glob("*/trial.json")}
    assert process.wait() != 0
    assert not project.path("results/digits/seed0/nas/trials.parquet").exists()

    done = project.snakemake(TARGET, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(path.stat().st_mtime_ns == written_ns for path, written_ns in before.items())
    trials = read_rows(project.path("results/digits/seed0/nas/trials.parquet"))
    assert [row["trial"] for row in trials] == [f"{n:04d}" for n in range(TRIALS)]
    assert [row["number"] for row in trials] == list(range(TRIALS))
    assert {row["worker"] for row in trials} == {0, 1}
    assert len({row["hyperparameters"] for row in trials}) == TRIALS
    (best,) = [row for row in trials if row["best"]]
    assert best["score"] == min(row["score"] for row in trials)
    exported = project.path(TARGET).read_bytes()
    assert exported == project.path(best["model_path"]).read_bytes()
    volumes = [row["hypervolume"] for row in trials]
    assert volumes == sorted(volumes)
    jobs = [
        row
        for row in read_rows(project.path("results/digits/seed0/nas/energy.parquet"))
        if row["kind"] == "job"
    ]
    assert [row["worker"] for row in jobs] == [0, 1]
    assert len({row["window_id"] for row in jobs}) == 2

    # How many workers there were is not what the results depend on.
    for workers in (2, 1, 3):
        project.configure({**TINY, "search": {**SEARCH, "workers": workers}})
        done = project.snakemake("-n", TARGET)
        assert "Nothing to be done" in done.stdout + done.stderr, workers
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
