"""Who shares a machine's cores: nobody on one core, beside a GPU or where joules are read."""

import logging
import os

import pytest

from nasturtium.jobs import sharing
from nasturtium.metering.devices import rapl
from nasturtium.metering.sources import SHARED_CPU
from tests.unit.test_metering_rapl import clock, metered, write_zone  # noqa: F401


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine without GPU and without a counter of joules; ``gpu`` there would be its driver."""
    monkeypatch.setattr(sharing, "_GPUS", (str(tmp_path / "gpu"),))
    monkeypatch.setattr(sharing, "_RAPL", tmp_path / "powercap")
    for name in ("CUDA_VISIBLE_DEVICES", sharing.CORES, SHARED_CPU):
        # Set first, so that what a test sets is gone afterwards.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path


def test_without_a_gpu_trainings_share_all_cores():
    assert sharing.shared_cores(2, 1) == 2
    assert sharing.shared_cores(16, None) == 16
    assert sharing.shared_cores(2, 4) == 2


def test_one_core_is_not_shared():
    assert sharing.shared_cores(1, 1) == 0
    assert sharing.shared_cores(1, 0) == 0
    assert sharing.shared_cores(None, 1) == 0


@pytest.mark.parametrize(
    ("mask", "shared"), [(None, 0), ("0", 0), ("GPU-1,GPU-2", 0), ("-1", 4), ("", 4)]
)
def test_a_gpu_is_for_one_job_unless_it_is_hidden(machine, monkeypatch, mask, shared):
    (machine / "gpu").touch()
    if mask is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert sharing.shared_cores(4, 1) == shared
    assert sharing.shared_cores(4, 0) == 4


def test_where_joules_can_be_read_trainings_share_only_if_that_is_asked_for(machine, monkeypatch):
    zone = write_zone(machine / "powercap", "intel-rapl:0", "package-0")
    assert sharing.shared_cores(4, 1) == 0
    assert [sharing.shared_cores(4, gpus) for gpus in (0, 2, None)] == [4, 4, 4]
    # Tests may run as root, who can read everything.
    monkeypatch.setattr(os, "access", lambda path, mode: path != zone / "energy_uj")
    assert sharing.shared_cores(4, 1) == 4


@pytest.mark.parametrize(
    ("wanted", "cores", "threads"),
    [(4, 0, 4), (4, 2, 1), (4, 3, 1), (4, 4, 2), (4, 8, 4), (4, 64, 4), (1, 8, 1)],
)
def test_two_trainings_fit_on_the_cores(wanted, cores, threads):
    assert sharing.training_threads(wanted, cores) == threads


def test_a_measuring_job_asks_for_all_cores_and_computes_with_one_thread():
    assert sharing.measuring_threads(8) == 8
    assert sharing.measuring_threads(0) == 1
    variables = {"OMP_NUM_THREADS": "8", "HOME": "/root"}
    sharing.compute_with(1, variables)
    assert variables.pop("HOME") == "/root"
    assert set(variables.values()) == {"1"}
    assert {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} <= set(variables)


@pytest.mark.parametrize(
    ("cores", "threads", "quality"), [(2, 1, "shared"), (2, 2, "ok"), (0, 1, "ok")]
)
def test_joules_beside_other_jobs_are_marked(machine, clock, caplog, cores, threads, quality):  # noqa: F811
    caplog.set_level(logging.INFO)
    write_zone(machine / "powercap", "intel-rapl:0", "package-0")
    sharing.announce(cores)
    sharing.note_others(threads)
    sources, _ = rapl.open_packages(machine / "powercap")
    with metered(sources, clock) as (meter, window):
        clock.sleep(60)
    energy = meter.energy(window)
    assert energy.quality == quality
    if quality == "shared":
        assert energy.reason == "with --cores 2, other jobs may run at the same time"
        assert "Other jobs may run at the same time: 1 of 2 cores." in caplog.text


def test_a_run_on_one_core_does_not_inherit_what_another_announced():
    sharing.announce(4)
    sharing.announce(0)
    assert sharing.CORES not in os.environ
