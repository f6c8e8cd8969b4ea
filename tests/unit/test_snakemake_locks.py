"""Locks end with their process: a killed one leaves nothing locked, a live one keeps its locks."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nasturtium.errors import JobError
from nasturtium.jobs import snakemake_locks

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def process(call: str, folder: Path):
    """Another process that has made ``call`` and lives until it is killed here."""
    code = f"from nasturtium.jobs import snakemake_locks; snakemake_locks.{call}"
    code += "; print('ready', flush=True); input()"
    started = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env={"PYTHONPATH": str(ROOT)},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout.readline() == "ready\n"
        yield started
    finally:
        started.kill()
        started.wait()


@pytest.fixture
def snakemake_lock(tmp_path):
    lock = tmp_path / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/summary.parquet\n")
    return lock


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(snakemake_locks, "_held", [])


JOIN = "join_runs()"
HOLD = "hold('lock', 0, print)"


def test_locks_that_nobody_owns_are_removed_and_one_sentence_says_so(snakemake_lock, capfd):
    snakemake_locks.join_runs()
    assert not snakemake_lock.exists()
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "The last run was killed; its locks are removed" in said.err


def test_without_locks_nothing_is_said(capfd):
    snakemake_locks.join_runs()
    assert capfd.readouterr() == ("", "")


def test_locks_beside_a_living_run_are_left_until_it_is_killed(tmp_path, snakemake_lock, capfd):
    with process(JOIN, tmp_path) as first:
        snakemake_lock.parent.mkdir(exist_ok=True)
        snakemake_lock.write_text("results/summary.parquet\n")
        with process(JOIN, tmp_path):
            assert snakemake_lock.exists()
            first.kill()
            first.wait()
            # The second took no part in the lock file, but it may have: it is alive.
            snakemake_locks.join_runs()
            assert snakemake_lock.exists()
    snakemake_locks._held.clear()
    capfd.readouterr()
    snakemake_locks.join_runs()
    assert not snakemake_lock.exists()


def test_two_runs_may_live_side_by_side(tmp_path):
    with process(JOIN, tmp_path), process(JOIN, tmp_path):
        pass


def test_a_folder_that_can_not_be_written_is_left_to_snakemake(tmp_path, capfd):
    (tmp_path / ".snakemake").write_text("not a folder")
    snakemake_locks.join_runs()
    assert capfd.readouterr() == ("", "")


def test_a_process_is_waited_for_and_named(tmp_path):
    said = []
    with process(HOLD, tmp_path) as other:

        def waiting(holder):
            said.append(holder)
            other.kill()

        assert snakemake_locks.hold("lock", 30, waiting)
    (holder,) = said
    assert holder.startswith(f"process {other.pid} on ")


def test_a_process_that_stays_is_an_error_that_names_it(tmp_path):
    start_s = time.monotonic()
    with process(HOLD, tmp_path) as other, pytest.raises(JobError) as caught:
        snakemake_locks.hold("lock", 0.2, lambda holder: None)
    assert f"process {other.pid} on " in str(caught.value)
    assert "still writes what this job makes, after 0.2 s; stop it" in str(caught.value)
    assert 0.2 <= time.monotonic() - start_s < 20


def test_a_lock_is_not_inherited(tmp_path):
    assert snakemake_locks.hold("lock", 0, print)
    child = subprocess.Popen(["sleep", "60"])
    try:
        snakemake_locks._held.pop().close()
        assert snakemake_locks.hold("lock", 0, print)
    finally:
        child.kill()
        child.wait()
