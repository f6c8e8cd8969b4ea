"""Simultaneous jobs on one host use different GPUs, and the GPU of a dead job is free at once."""

import contextlib
import logging
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nasturtium
from nasturtium import metering
from nasturtium.digest import imported_modules
from nasturtium.errors import GpuError
from nasturtium.jobs import gpu_slots
from nasturtium.metering.devices import VENDORS
from nasturtium.metering.discover import discover
from nasturtium.metering.sources import SHARED
from tests.nvml_fake import Board, FakeNvml, VirtualClock, installed

ROOT = Path(nasturtium.__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"


class Job:
    """A process that takes a GPU; see gpu_job.py."""

    def __init__(self, gpus: int, environment: dict, *arguments: str):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.gpu_job", str(gpus), *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def gpu(self, within_s: float = 60.0) -> str:
        ready, _, _ = select.select([self.process.stdout], [], [], within_s)
        assert ready, "the job still waits"
        return self.process.stdout.readline().strip()

    def log_line(self) -> str:
        return self.process.stderr.readline().strip()

    def end(self) -> None:
        self.process.communicate("\n")


@pytest.fixture
def start(tmp_path):
    jobs = []

    def start(gpus: int, *arguments: str, **environment: str) -> Job:
        variables = {gpu_slots.FOLDER: str(tmp_path / "slots"), **environment}
        jobs.append(Job(gpus, variables, *arguments))
        return jobs[-1]

    yield start
    for job in jobs:
        # With what a dead job left behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.process.pid, signal.SIGKILL)
        job.process.communicate()


@pytest.fixture
def host(tmp_path, monkeypatch):
    """This process as a job on a host with fake GPUs."""
    monkeypatch.setenv(gpu_slots.FOLDER, str(tmp_path / "slots"))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    # Set, so that what the job sets is taken back after the test.
    for name in (gpu_slots.MASK, SHARED, gpu_slots.JOBS_PER_DEVICE):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def run(boards: int, gpus: int = 1, **environment: str) -> str | None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        library = FakeNvml(VirtualClock(), [Board(uuid=f"GPU-{n}") for n in range(boards)])
        with installed(library):
            taken = gpu_slots.take(gpus)
        assert library.references == 0
        return taken

    yield run
    gpu_slots._close_held()


def test_four_jobs_have_four_gpus_and_a_fifth_waits_until_one_is_killed(start):
    jobs = [start(4) for _ in range(4)]
    taken = [job.gpu() for job in jobs]
    assert sorted(taken) == ["GPU-0", "GPU-1", "GPU-2", "GPU-3"]
    fifth = start(4)
    line = fifth.log_line()
    assert line.startswith("Waiting for one of 4 GPUs: jobs hold them all")
    holders = {int(number) for number in re.findall(r"\d+", line.partition("processes")[2])}
    assert holders == {job.process.pid for job in jobs}
    assert fifth.process.poll() is None
    jobs[2].process.kill()
    assert fifth.gpu(within_s=5) == taken[2]


def test_two_jobs_per_gpu_spread_before_they_share(start):
    jobs = [start(2, NASTURTIUM_GPU_JOBS_PER_DEVICE="2") for _ in range(2)]
    assert sorted(job.gpu() for job in jobs) == ["GPU-0", "GPU-1"]
    jobs += [start(2, NASTURTIUM_GPU_JOBS_PER_DEVICE="2") for _ in range(2)]
    assert sorted(job.gpu() for job in jobs[2:]) == ["GPU-0", "GPU-1"]
    assert "which up to 2 jobs share" in jobs[3].log_line()
    fifth = start(2, NASTURTIUM_GPU_JOBS_PER_DEVICE="2")
    assert fifth.log_line().startswith("Waiting for one of 2 GPUs")
    jobs[0].end()
    assert fifth.gpu(within_s=5)


def test_a_study_that_shares_nothing_does_not_move_in_with_one_that_would(start):
    first, second = (start(1, NASTURTIUM_GPU_JOBS_PER_DEVICE="2") for _ in range(2))
    first.gpu()
    second.gpu()
    first.end()
    alone = start(1)
    assert alone.log_line().startswith("Waiting")
    second.end()
    assert alone.gpu(within_s=5) == "GPU-0"


def test_a_fork_that_outlives_its_job_holds_no_slot(start):
    first = start(1, "fork")
    first.gpu()
    first.process.kill()
    assert start(1).gpu(within_s=20) == "GPU-0"


def test_a_program_that_the_job_starts_sees_the_same_gpu_and_holds_no_slot(host):
    host(2)
    code = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], *os.listdir('/proc/self/fd'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    gpu, *descriptors = done.stdout.split()
    assert gpu == "GPU-0"
    assert not {str(held) for held in gpu_slots._held} & set(descriptors)


@pytest.mark.parametrize(
    ("mask", "gpu"),
    [("2", "GPU-2"), ("GPU-3", "GPU-3"), ("1,2", "GPU-1"), ("GPU-2,0", "GPU-2")],
)
def test_the_user_s_preset_restricts_the_choice(host, mask, gpu):
    assert host(4, CUDA_VISIBLE_DEVICES=mask) == gpu
    assert os.environ[gpu_slots.MASK] == gpu


def test_jobs_under_one_preset_share_what_it_names(start):
    jobs = [start(4, CUDA_VISIBLE_DEVICES="3,1") for _ in range(2)]
    assert sorted(job.gpu() for job in jobs) == ["GPU-1", "GPU-3"]
    assert start(4, CUDA_VISIBLE_DEVICES="3,1").log_line().startswith("Waiting for one of 2 GPUs")


@pytest.mark.parametrize("mask", ["-1", "", "7"])
def test_a_preset_that_names_no_gpu_takes_no_slot(host, tmp_path, mask):
    assert host(2, CUDA_VISIBLE_DEVICES=mask) is None
    assert os.environ[gpu_slots.MASK] == mask
    assert not (tmp_path / "slots").exists()


def test_the_gpu_that_slurm_gave_is_taken_as_it_is(host, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert host(2, SLURM_JOB_ID="12", CUDA_VISIBLE_DEVICES="1") is None
    assert os.environ[gpu_slots.MASK] == "1"
    assert not (tmp_path / "slots").exists()
    assert "GPU 1 (CUDA_VISIBLE_DEVICES of Slurm's job 12)." in caplog.text


def test_jobs_in_one_slurm_allocation_of_several_gpus_each_take_one(start):
    jobs = [start(4, SLURM_JOB_ID="12", CUDA_VISIBLE_DEVICES="0,2") for _ in range(2)]
    assert sorted(job.gpu() for job in jobs) == ["GPU-0", "GPU-2"]


def test_a_job_without_a_gpu_sees_none(host, tmp_path):
    assert host(2, gpus=0) is None
    assert os.environ[gpu_slots.MASK] == "-1"
    assert not (tmp_path / "slots").exists()


def test_a_machine_without_a_gpu_is_left_as_it_is(host, tmp_path):
    assert host(0) is None
    assert gpu_slots.MASK not in os.environ
    assert not (tmp_path / "slots").exists()


def test_a_gpu_on_which_others_compute_is_taken_last(host):
    boards = [Board(uuid="GPU-0", processes=2), Board(uuid="GPU-1", processes=0)]
    with installed(FakeNvml(VirtualClock(), boards)):
        assert gpu_slots.take(1) == "GPU-1"


def test_exactly_the_chosen_gpu_is_metered(host):
    assert host(4, CUDA_VISIBLE_DEVICES="2,3") == "GPU-2"
    library = FakeNvml(VirtualClock(), [Board(uuid=f"GPU-{n}") for n in range(4)])
    with installed(library):
        sources = discover(VENDORS[:1]).sources
        assert [source.device.id for source in sources] == ["GPU-2"]
        assert sources[0].device.note is None


@pytest.mark.parametrize(("jobs", "quality"), [("1", "ok"), ("2", "shared")])
def test_the_energy_of_a_gpu_that_others_may_use_is_marked(host, jobs, quality):
    host(2, NASTURTIUM_GPU_JOBS_PER_DEVICE=jobs)
    clock = VirtualClock()
    with installed(FakeNvml(clock, [Board(uuid="GPU-0"), Board(uuid="GPU-1")])):
        sources = discover(VENDORS[:1]).sources
        with (
            metering.session(sources=sources, clock=clock, thread=False, idle_s=0) as meter,
            meter.window("fit", key="k") as window,
        ):
            clock.sleep(5)
    energy = meter.energy(window)
    assert energy.energy_j == pytest.approx(500)
    assert energy.quality == quality
    if quality == "shared":
        assert energy.reason == "gpu_jobs_per_device lets 2 jobs have the GPU"


def test_a_folder_that_is_a_file_ends_the_job_with_one_sentence(host, tmp_path):
    (tmp_path / "slots").write_text("")
    with pytest.raises(GpuError, match=r"slots: .* \(File exists\); set NASTURTIUM_GPU_SLOTS to"):
        host(1)


def test_a_folder_to_which_others_can_write_is_refused(host, tmp_path):
    (tmp_path / "slots").mkdir()
    (tmp_path / "slots").chmod(0o777)
    with pytest.raises(GpuError, match="others can write to it"):
        host(1)


def test_a_link_in_place_of_the_folder_is_refused(host, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "slots").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GpuError, match="it is a link"):
        host(1)


def test_a_slot_that_can_not_be_opened_ends_the_job_with_one_sentence(host, tmp_path):
    (tmp_path / "slots" / "GPU-0.0").mkdir(parents=True, mode=0o700)
    (tmp_path / "slots").chmod(0o700)
    with pytest.raises(GpuError, match=r"\(Is a directory\)"):
        host(1)


def test_every_script_of_a_rule_with_a_gpu_starts_its_job_before_it_imports_a_stage():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    with_gpu = {
        re.search(r'scripts/(\w+\.py)"', rule).group(1)
        for rule in re.split(r"^(?=rule |use rule )", rules, flags=re.MULTILINE)
        if re.search("gpu=(1|training_gpus),", rule)
    }
    # It times files on the CPU, and asks for the GPU only so that no other job runs beside it.
    with_gpu -= {"latency.py"}
    assert len(with_gpu) >= 7
    for script in with_gpu:
        text = (SCRIPTS / script).read_text()
        start = text.find("with started(snakemake, ")
        assert 0 < start < text.find("nasturtium.stages"), script


def test_a_job_takes_its_slot_before_it_loads_tensorflow(tmp_path):
    code = """
import sys
from types import SimpleNamespace
from nasturtium.digest import stage_digest
from nasturtium.jobs import gpu_slots
from nasturtium.jobs.script import started

SCRIPTS = {scripts!r}

class Resources(SimpleNamespace):
    def get(self, name):
        return None

class Input(SimpleNamespace):
    def __iter__(self):
        return iter([])

def take(gpus):
    print("took", gpus, "tensorflow" in sys.modules)

gpu_slots.take = take
snakemake = SimpleNamespace(
    log=["job.log"],
    threads=1,
    resources=Resources(gpu=1),
    wildcards=SimpleNamespace(dataset="digits", seed="3"),
    input=Input(data=["data/digits/features.npy"], split="split.npz"),
    output=["results/model.keras"],
    params=SimpleNamespace(run="baseline", settings={}, code=stage_digest("baseline", SCRIPTS)),
    scriptdir=SCRIPTS,
)
with started(snakemake, "baseline") as job:
    import tensorflow as tf

    print(job.run.label, job.folder, job.data_folder, "tensorflow" in sys.modules)
    print("threads", tf.config.threading.get_intra_op_parallelism_threads())
"""
    code = code.replace("{scripts!r}", repr(str(SCRIPTS)))
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    log = (tmp_path / "job.log").read_text()
    assert done.returncode == 0, log
    lines = [line for line in log.splitlines() if re.match("took|digits|threads", line)]
    assert lines == [
        "took 1 False",
        "digits seed 3 baseline results data/digits True",
        "threads 1",
    ]


def test_how_gpus_are_shared_out_is_no_part_of_a_stage_s_code():
    stages = [
        f"nasturtium.stages.{path.stem}" for path in (ROOT / "nasturtium/stages").glob("*.py")
    ]
    for stage in stages:
        assert "nasturtium.jobs.gpu_slots" not in imported_modules(stage)
