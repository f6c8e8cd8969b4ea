"""Sessions and windows: how they close, which joules belong to them, and what is written."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow.parquet as pq
import pynvml
import pytest

from nasturtium import metering
from nasturtium.errors import RecordError
from nasturtium.metering.devices import rapl
from nasturtium.metering.devices.nvml import open_gpus
from nasturtium.metering.sampler import FORKED
from nasturtium.records.energy import ENERGY, POWER
from nasturtium.records.parquet import read_rows
from tests.nvml_fake import (
    NS,
    Board,
    FakeNvml,
    Power,
    VirtualClock,
    constant,
    installed,
    square_wave,
)

IDENTITY = {"dataset": "digits", "seed": 3, "run": "baseline"}


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def sources(clock, board):
    with installed(FakeNvml(clock, [board])):
        yield open_gpus()[0]


@pytest.fixture
def open_session(clock, sources):
    def start(**options):
        options = {"sources": sources, "clock": clock, "thread": False, "idle_s": 0, **options}
        return metering.session(**options)

    return start


def rows_of(meter, window, method="nvml_counter"):
    return next(row for row in meter.energy(window).rows if row["method"] == method)


def written(meter, folder):
    paths = folder / "energy.parquet", folder / "power.parquet"
    meter.write(*paths, identity=IDENTITY, code="0f")
    return tuple(read_rows(path) for path in paths)


def test_a_search_gives_each_trial_its_own_joules(clock, board, open_session, tmp_path):
    """Three trials at their own power, with other work between them."""
    levels, points, t = [90.0, 240.0, 160.0], [(0.0, 60.0)], 50.0
    for watts in levels:
        points += [(t + 1, 60.0), (t + 1, watts), (t + 7, watts), (t + 7, 60.0)]
        t += 7
    board.power, board.update_s = Power(*points, (t + 1000, 60.0)), 0.1
    trials = []
    with open_session() as meter:
        for number in range(3):
            clock.sleep(1.0)
            name = f"{number:03d}"
            trial = meter.begin("trial", key=name, trial=name)
            with meter.window("fit", key="fit", trial=name):
                clock.sleep(6.0)
            meter.end(trial)
            trials.append(trial)
        clock.sleep(2.0)
    energies = [meter.energy(trial).energy_j for trial in trials]
    for energy_j, watts in zip(energies, levels, strict=True):
        assert energy_j == pytest.approx(6.0 * watts, rel=0.02)
    energy_rows, _ = written(meter, tmp_path)
    (job,) = (row for row in energy_rows if row["kind"] == "job" and row["is_best"])
    overhead_j = 60.0 * 5.0
    quantum_j = max(rows_of(meter, trial)["counter_quantum_j"] for trial in trials)
    assert abs(sum(energies) + overhead_j - job["energy_j"]) <= quantum_j
    fits = [row for row in energy_rows if row["kind"] == "fit" and row["is_best"]]
    assert [row["energy_j"] for row in fits] == energies
    assert [row["trial"] for row in fits] == ["000", "001", "002"]


def test_adjacent_windows_add_up_to_what_holds_them(clock, board, open_session):
    board.power, board.update_s = square_wave(70.0, 300.0, 0.9, 200.0), 0.1
    with open_session() as meter, meter.window("fit", key="all") as whole:
        parts = []
        for seconds in (2.03, 3.5, 4.01):
            with meter.window("epoch", key="part") as part:
                clock.sleep(seconds)
            parts.append(part)
    assert sum(meter.energy(part).energy_j for part in parts) == pytest.approx(
        meter.energy(whole).energy_j, abs=1e-6
    )


def test_a_failed_window_keeps_its_energy(clock, open_session, tmp_path):
    class OutOfMemory(Exception):
        pass

    def run_out():
        clock.sleep(3.0)
        raise OutOfMemory

    synchronised = []
    with (
        pytest.raises(OutOfMemory),
        open_session(synchronise=lambda: synchronised.append(clock.now_ns())) as meter,
        meter.window("fit", key="k") as window,
    ):
        run_out()
    energy = meter.energy(window)
    assert energy.energy_j == pytest.approx(300.0)
    assert {row["status"] for row in energy.rows} == {"error"}
    assert not any(row["synchronised"] for row in energy.rows)
    assert len(synchronised) == 2  # both windows' begins, neither end
    rows, _ = written(meter, tmp_path)
    assert {row["kind"] for row in rows} == {"job", "fit"}
    assert metering.current() is None


def test_borders_are_synchronised(clock, open_session):
    def synchronise():
        clock.sleep(0.5)  # the work that is still under way

    with open_session(synchronise=synchronise) as meter, meter.window("fit", key="k") as window:
        begin_ns = clock.now_ns()
        clock.sleep(2.0)
    assert window.t0_ns == begin_ns
    assert window.duration_s == pytest.approx(2.5)
    assert all(row["synchronised"] for row in meter.energy(window).rows)


def test_a_device_that_can_not_be_synchronised_is_metered(clock, open_session):
    def synchronise():
        raise RuntimeError("inside of a tf.function")

    with open_session(synchronise=synchronise) as meter, meter.window("fit", key="k") as window:
        clock.sleep(3.0)
    energy = meter.energy(window)
    assert energy.energy_j == pytest.approx(300.0)
    assert not any(row["synchronised"] for row in energy.rows)
    assert "inside of a tf.function" in energy.reason


def test_a_window_closes_even_if_synchronising_ends_the_job(clock, open_session):
    class Lost(Exception):
        pass

    answers = iter([None, None, Lost()])

    def synchronise():
        answer = next(answers)
        if answer:
            raise answer

    with (
        pytest.raises(Lost),
        open_session(synchronise=synchronise) as meter,
        meter.window("fit", key="k") as window,
    ):
        clock.sleep(3.0)
    assert window.status == "error"
    assert meter.energy(window).energy_j == pytest.approx(300.0)


def test_what_a_callback_leaves_open_closes_with_the_block(clock, open_session):
    with open_session() as meter:
        with meter.window("trial", key="t"):
            fit = meter.begin("fit", key="f")
            clock.sleep(3.0)
        clock.sleep(5.0)
        other = meter.begin("fit", key="g")
        meter.end(fit)  # too late, and harmless
    assert meter.energy(fit).duration_s == pytest.approx(3.0)
    assert meter.energy(fit).energy_j == pytest.approx(300.0)
    assert "never ended" in meter.energy(fit).reason
    assert meter.energy(other).rows[0]["status"] == "error"


def test_overlap(clock, open_session):
    with open_session() as meter:
        first = meter.begin("fit", key="a")
        clock.sleep(2.0)
        second = meter.begin("fit", key="b")
        clock.sleep(2.0)
        meter.end(first)
        clock.sleep(1.0)
        meter.end(second)
    assert meter.energy(first).energy_j == pytest.approx(400.0)
    assert meter.energy(second).energy_j == pytest.approx(300.0)
    assert (first.parent_id, second.parent_id) == (0, first.id)


def test_misuse(open_session):
    with open_session() as meter:
        with (
            pytest.raises(RuntimeError, match="already has a metering session"),
            metering.session(),
        ):
            pass
        assert metering.current() is meter
        with pytest.raises(ValueError, match="'nap' is no kind of window"):
            meter.begin("nap", key="k")
        with meter.window("fit", key="k") as window:
            with pytest.raises(RuntimeError, match="still open"):
                meter.energy(window)
            with pytest.raises(RuntimeError, match="still open"):
                window.duration_s  # noqa: B018
        with pytest.raises(RuntimeError, match="still open"):
            meter.write("e", "p", identity=IDENTITY, code="0f")
    with pytest.raises(RuntimeError, match="is over"):
        meter.begin("fit", key="k")
    assert metering.current() is None


def test_what_is_written(clock, open_session, tmp_path):
    with (
        open_session(idle_s=3.0) as meter,
        meter.window("trial", key="007", trial="007"),
        meter.window("epoch", key="e", trial="007", epoch=4),
    ):
        clock.sleep(2.5)
    energy_rows, power_rows = written(meter, tmp_path)
    assert pq.read_schema(tmp_path / "energy.parquet").equals(ENERGY)
    assert pq.read_schema(tmp_path / "power.parquet").equals(POWER)
    kinds = [row["kind"] for row in energy_rows if row["is_best"]]
    assert kinds == ["idle", "job", "trial", "epoch"]
    epoch = next(row for row in energy_rows if row["kind"] == "epoch")
    assert (epoch["dataset"], epoch["seed"], epoch["run"]) == ("digits", 3, "baseline")
    assert (epoch["epoch"], epoch["trial"], epoch["parent_id"]) == (4, "007", 2)
    assert epoch["t0_wall"].utcoffset().total_seconds() == 0
    assert all(row["idle_power_w"] == 100.0 for row in energy_rows if row["kind"] != "idle")
    assert len(power_rows) == 55
    assert power_rows[0] == {
        **IDENTITY,
        "worker": None,
        "t_ns": round(50.1 * NS),
        "device_id": "GPU-11111111-aaaa",
        "power_instant_w": 100.0,
        "power_average_w": 100.0,
        "energy_counter_j": pytest.approx(12345.0 + 5010.0),
        "temperature_c": 45.0,
        "sm_clock_mhz": 1700.0,
        "reason": None,
    }
    with pytest.raises(RecordError):
        meter.write(tmp_path / "e", tmp_path / "p", identity={"dataset": "digits"}, code="0f")
    assert not (tmp_path / "e").exists()


def test_nothing_to_read(clock, tmp_path):
    """Neither GPU nor RAPL: everything works, costs nothing, and says why it is null."""
    with metering.session(sources=[], clock=clock) as meter:
        assert not meter.can_measure
        with meter.window("fit", key="k") as window:
            clock.sleep(2.0)
        assert not [one for one in threading.enumerate() if one.name == "power sampler"]
    assert meter.energy(window).energy_j is None
    rows, power = written(meter, tmp_path)
    assert power == []
    assert [row["kind"] for row in rows] == ["job", "fit"]
    for row in rows:
        assert (row["device_kind"], row["method"], row["quality"]) == ("none", "none", "none")
        assert row["reason"] == "no source of energy readings was given"
        assert row["energy_j"] is None
        assert row["duration_s"] == pytest.approx(2.0)
        assert not row["is_best"]


def test_a_machine_without_gpu_and_rapl_names_both(tmp_path, monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "CDLL", missing)
    monkeypatch.setattr(rapl, "ROOT", tmp_path / "powercap")
    with installed(None), metering.session() as meter, meter.window("fit", key="k") as window:
        pass
    assert meter.energy(window).reason == (
        f"no NVIDIA driver (NVML shared library not found); no {tmp_path / 'powercap'}"
    )


def test_the_thread_keeps_its_schedule(board):
    """The one test on real time: one reading a period at a random moment, equal ones kept."""

    class RealTime(VirtualClock):
        def now_ns(self):
            return time.monotonic_ns()

    board.power = constant(100.0, until=1e9)
    with installed(FakeNvml(RealTime(), [board])):
        sources, _ = open_gpus()
        with metering.session(sources=sources, idle_s=0, period_s=0.02) as meter:
            time.sleep(0.5)
            trace = meter.sampler.traces[0]
            samples = trace.between(0, time.monotonic_ns())
        assert not [one for one in threading.enumerate() if one.name == "power sampler"]
    # The first is taken at the start.
    period = (samples.t_ns - samples.t_ns[0]) // 20_000_000
    assert len(trace) >= 8
    assert len(set(period)) >= len(period) - 1
    phase = (samples.t_ns - samples.t_ns[0]) % 20_000_000
    assert np.ptp(phase) > 8_000_000
    assert set(samples.field("power_instant_w")[1]) == {100.0}


def test_a_forked_child_reads_nothing(clock, board, open_session):
    with open_session() as meter, meter.window("fit", key="k"):
        clock.sleep(1.0)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            # Whatever happens, the child must not go on with the tests.
            verdict = b"raised"
            try:
                board.failing["nvmlDeviceGetTotalEnergyConsumption"] = 999
                with meter.window("epoch", key="child") as window:
                    clock._now_ns += 3 * NS
                energy = meter.energy(window)
                seen = (energy.energy_j, energy.method, energy.reason, metering.current())
                verdict = repr(seen).encode()
                with metering.session(sources=[], clock=clock):
                    verdict += b"; own session"
            finally:
                os.write(writer, verdict)
                os._exit(0)
        os.waitpid(child, 0)
        os.close(writer)
        told = os.read(reader, 10_000).decode()
        os.close(reader)
    assert told == f"{(None, 'none', FORKED, None)!r}; own session"


def test_importing_loads_neither_tensorflow_nor_the_bindings():
    code = "import sys, nasturtium.metering; print({'tensorflow', 'pynvml'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
