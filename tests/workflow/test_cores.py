"""With two cores and no GPU, two trainings run at once, and each measurement alone."""

import json
import re
from pathlib import Path
from zipfile import ZipFile

import pytest

from nasturtium.records.parquet import read_rows
from tests.workflow.conftest import TINY, Project

CONFIG = {**TINY, "seeds": [0, 1], "training": {"epochs": 10}}
FOLDERS = [f"results/digits/seed{seed}/baseline" for seed in (0, 1)]


def studied(folder: Path, gpu: Path, **config) -> Project:
    """Two baselines by ``--cores 2 --resources gpu=1``; the machine has a GPU if ``gpu`` exists."""
    project = Project(folder)
    sharing = project.path("nasturtium/jobs/sharing.py")
    text = sharing.read_text()
    # The test should not depend on the machine that runs it.
    for name, value in (("_GPUS", f"({str(gpu)!r},)"), ("_RAPL", "Path('/nowhere')")):
        (line,) = [line for line in text.splitlines() if line.startswith(f"{name} = ")]
        text = text.replace(line, f"{name} = {value}")
    sharing.write_text(text)
    project.configure({**CONFIG, **config})
    # First what both trainings need, so that both can begin at the same time.
    done = project.snakemake(*(f"results/data/digits/seed{seed}.split.npz" for seed in (0, 1)))
    assert done.returncode == 0, done.stdout + done.stderr
    targets = [f"{folder}/metrics.parquet" for folder in FOLDERS]
    # It can begin when a measurement can.
    targets += ["results/digits/seed0/baseline_longer/model.keras"]
    done = project.snakemake(*targets, "--resources", "gpu=1", cores=2)
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.fixture(scope="module")
def without_gpu(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("cores")
    return studied(folder / "project", folder / "gpu")


@pytest.fixture(scope="module")
def with_gpu(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("cores")
    (folder / "gpu").touch()
    return studied(folder / "project", folder / "gpu", threads=1)


def trainings(project: Project) -> list[tuple[float, float]]:
    """Begin and end of both trainings, in seconds of the clock on the wall."""
    rows = [read_rows(project.path(folder, "energy.parquet")) for folder in FOLDERS]
    jobs = [next(row for row in table if row["kind"] == "job") for table in rows]
    begins = [job["t0_wall"].timestamp() for job in jobs]
    return [(begin, begin + job["duration_s"]) for begin, job in zip(begins, jobs, strict=True)]


def jobs(project: Project) -> list[tuple[str, float, float]]:
    """Rule, begin and end of each job, as Snakemake has noted them with each of its outputs."""
    found = {}
    for path in project.path(".snakemake/metadata").rglob("*"):
        if path.is_file():
            noted = json.loads(path.read_text())
            found.setdefault((noted["rule"], *noted["log"]), []).append(noted)
    return [
        (rule, min(n["starttime"] for n in of_job), max(n["endtime"] for n in of_job))
        for (rule, _), of_job in found.items()
    ]


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def weights(project: Project) -> list[bytes]:
    found = []
    for folder in FOLDERS:
        with ZipFile(project.path(folder, "model.keras")) as file:
            found.append(file.read("model.weights.h5"))
    return found


def test_two_trainings_run_at_once_with_one_thread_each(without_gpu):
    assert overlap(*trainings(without_gpu))
    for folder in FOLDERS:
        rows = read_rows(without_gpu.path(folder, "training.parquet"))
        assert {row["threads"] for row in rows} == {1}


@pytest.mark.parametrize(
    "machine", ["without_gpu", pytest.param("with_gpu", marks=pytest.mark.long)]
)
def test_nothing_trains_while_a_model_is_measured(machine, request):
    project = request.getfixturevalue(machine)
    found = jobs(project)
    measured = [job for job in found if job[0] == "measure"]
    assert len(measured) == 2
    for job in measured:
        assert not [other for other in found if other != job and overlap(job[1:], other[1:])]
    for folder in FOLDERS:
        (row,) = read_rows(project.path(folder, "metrics.parquet"))
        assert (row["latency_threads"], row["tflite_threads"]) == (1, 1)


@pytest.mark.long
def test_beside_a_gpu_one_training_runs_at_a_time(with_gpu):
    assert not overlap(*trainings(with_gpu))
    spans = [job[1:] for job in jobs(with_gpu) if job[0] == "baseline"]
    assert not overlap(*spans)


@pytest.mark.long
def test_neighbours_change_no_bit(without_gpu, with_gpu):
    assert weights(without_gpu) == weights(with_gpu)


def test_on_a_cluster_jobs_ask_for_a_gpu_that_this_machine_lacks(without_gpu):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    here, there = ["--dry-run"], ["--dry-run", "--executor", "slurm", "--jobs", "2"]
    for options, gpus in ((here, "gpu=0"), (there, "gpu=1")):
        target = "results/digits/seed2/baseline/model.keras"
        done = without_gpu.snakemake(target, *options, "--resources", "gpu=1", cores=2)
        assert done.returncode == 0, done.stdout + done.stderr
        (asked,) = re.findall(r"^rule baseline:.*?resources: (.*?)$", done.stdout, re.M | re.S)
        assert gpus in asked.split(", ")
