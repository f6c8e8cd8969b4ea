"""A job ends at once after a signal or when its Snakemake is gone, and leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nasturtium.jobs import endings

ROOT = Path(__file__).parents[2]

# A query that never ends and never comes back to Python, as an operation of TensorFlow's may.
BUSY = """
import sqlite3
print("busy", flush=True)
query = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"
sqlite3.connect(":memory:").execute(query).fetchone()
"""
JOB = f"""
import os, sys
from nasturtium.jobs.logs import logged
from nasturtium.records.atomic import atomic_path
ready = os.dup(1)
with logged("job.log"), atomic_path("model.keras") as temporary:
    temporary.write_text("half a model")
    os.write(ready, b"busy\\n")
    exec({BUSY!r})
"""
# Stands for Snakemake: names itself, starts the job, and waits for it.
RUNNER = f"""
import subprocess, sys
from nasturtium.jobs import endings
endings.announce()
child = subprocess.Popen([sys.executable, "-c", {JOB!r}], stdout=1)
print(child.pid, flush=True)
child.wait()
"""


@contextlib.contextmanager
def started(code: str, folder: Path, **environment: str):
    variables = {k: v for k, v in os.environ.items() if not k.startswith("NASTURTIUM")}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**variables, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition, limit_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def has_ended(number: int) -> bool:
    # Whoever inherits it may leave it unburied for a while.
    if not psutil.pid_exists(number):
        return True
    return psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def nothing_half_written(folder: Path) -> bool:
    return sorted(path.name for path in folder.iterdir()) == [".job.log.lock", "job.log"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_job_that_does_not_come_back_to_python(tmp_path, number):
    with started(JOB, tmp_path) as process:
        assert process.stdout.readline() == "busy\n"
        process.send_signal(number)
        assert process.wait(20) == 128 + number
    log = (tmp_path / "job.log").read_text()
    assert f"Ended by {signal.Signals(number).name}; run the same command to continue" in log
    assert log.count("Ended") == 1
    assert nothing_half_written(tmp_path)


def test_a_job_ends_when_its_snakemake_is_killed(tmp_path):
    with started(RUNNER, tmp_path) as runner:
        child = int(runner.stdout.readline())
        assert runner.stdout.readline() == "busy\n"
        os.kill(runner.pid, signal.SIGKILL)
        wait_until(lambda: has_ended(child))
    assert f"is gone (process {runner.pid})" in (tmp_path / "job.log").read_text()
    assert nothing_half_written(tmp_path)


def test_a_job_that_begins_after_its_snakemake_was_killed_ends_too(tmp_path):
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    numbering = endings._numbering()
    with started(JOB, tmp_path, NASTURTIUM_SNAKEMAKE=f"{gone.pid} {numbering}") as process:
        assert process.wait(20) == 1
    assert "is gone" in (tmp_path / "job.log").read_text()


@pytest.mark.parametrize("named", ["", "1234567 another-node pid:[1]"])
def test_a_job_whose_snakemake_can_not_be_seen_is_left_alone(tmp_path, named):
    with started(JOB, tmp_path, NASTURTIUM_SNAKEMAKE=named) as process:
        assert process.stdout.readline() == "busy\n"
        time.sleep(0.3)
        assert process.poll() is None


def test_a_job_of_a_cluster_is_told_of_the_snakemake_beside_it(monkeypatch):
    # The one that submitted it is on another machine, and its variable came along.
    monkeypatch.setenv(endings.SNAKEMAKE, "1234567 another-node pid:[1]")
    endings.announce()
    assert endings._runner() == os.getpid()


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{JOB}"
    with started(code, tmp_path) as process:
        assert process.stdout.readline() == "busy\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None


def test_what_killed_writers_left_is_removed_by_the_next(tmp_path):
    with started(JOB, tmp_path) as process:
        assert process.stdout.readline() == "busy\n"
        process.kill()
        process.wait()
    (left,) = tmp_path.glob(".model.*.keras")
    with started(JOB, tmp_path) as process:
        assert process.stdout.readline() == "busy\n"
        assert not left.exists()
        # A living writer's file stays.
        assert len(list(tmp_path.glob(".model.*.keras"))) == 1


def test_where_the_kernel_has_no_handle_of_a_process_it_is_asked_for(tmp_path):
    code = f"import os; del os.pidfd_open\n{JOB}"
    with subprocess.Popen(["sleep", "60"]) as runner:
        named = f"{runner.pid} {endings._numbering()}"
        with started(code, tmp_path, NASTURTIUM_SNAKEMAKE=named) as process:
            assert process.stdout.readline() == "busy\n"
            assert process.poll() is None
            runner.kill()
            assert process.wait(20) == 1
