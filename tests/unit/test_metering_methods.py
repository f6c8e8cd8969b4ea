"""Known powers through the real bindings: every method gives the joules it should."""

import pytest

from nasturtium import metering
from nasturtium.metering.devices.nvml import open_gpus
from tests.nvml_fake import (
    Board,
    FakeNvml,
    VirtualClock,
    constant,
    installed,
    ramp,
    square_wave,
    step,
)


def measure(board, seconds, *, start_s=50.0, idle_s=0.0, lead_s=0.25):
    """Rows by method of one window over ``seconds``, and the window's energy."""
    clock = VirtualClock(start_s)
    with installed(FakeNvml(clock, [board])):
        sources, _ = open_gpus()
        with metering.session(sources=sources, clock=clock, thread=False, idle_s=idle_s) as meter:
            clock.sleep(lead_s)
            with meter.window("fit", key="known") as window:
                clock.sleep(seconds)
        energy = meter.energy(window)
    return {row["method"]: row for row in energy.rows}, energy, window


POWERS = {
    "constant": constant(150.0),
    "ramp": ramp(50.0, 250.0, until=100.0),
    "step": step(50.0, 350.0, at=53.0),
    "square wave": square_wave(75.0, 350.0, period=2.0, until=100.0),
}


@pytest.mark.parametrize("name", POWERS)
def test_known_power_gives_known_joules(name):
    power = POWERS[name]
    rows, energy, window = measure(Board(power), 8.0)
    truth = power.joules(window.t0_ns / 1e9, window.t1_ns / 1e9)
    assert rows["nvml_counter"]["energy_j"] == pytest.approx(truth, abs=0.002)
    # A step between two samples is placed in their middle; four pairs of steps cancel.
    assert rows["nvml_power_trapz"]["energy_j"] == pytest.approx(truth, abs=300 * 0.1)
    assert energy.energy_j == rows["nvml_counter"]["energy_j"]
    assert energy.method == "nvml_counter"
    assert (energy.quality, energy.reason) == ("ok", None)
    assert energy.power_mean_w == pytest.approx(truth / 8.0, rel=1e-4)


@pytest.mark.parametrize("name", ["constant", "ramp"])
def test_integrated_power_is_exact_for_linear_power(name):
    power = POWERS[name]
    rows, _, window = measure(Board(power), 8.03, lead_s=0.27)
    truth = power.joules(window.t0_ns / 1e9, window.t1_ns / 1e9)
    assert rows["nvml_power_trapz"]["energy_j"] == pytest.approx(truth, rel=1e-5)
    assert rows["epoch_callback"]["energy_j"] == pytest.approx(truth, rel=1e-5)


def test_power_columns_are_watts():
    rows, energy, _ = measure(Board(step(60.0, 200.0, at=62.0)), 10.0, idle_s=4.0)
    counter = rows["nvml_counter"]
    assert counter["power_peak_w"] == pytest.approx(200.0)
    assert counter["idle_power_w"] == energy.idle_power_w == pytest.approx(60.0)
    assert counter["counter_quantum_j"] == pytest.approx(0.1 * counter["power_mean_w"])
    assert counter["temperature_start_c"] == counter["temperature_end_c"] == 45.0
    assert counter["sm_clock_mean_mhz"] == 1700.0
    assert counter["n_processes_on_device"] == 1
    assert counter["n_samples"] == pytest.approx(100, abs=1)
    assert counter["max_gap_s"] == pytest.approx(0.1)


def test_naive_methods_miss_what_they_do_not_see():
    """Two readings in a pause see nothing of the work between them; the counter does."""
    busy = square_wave(70.0, 350.0, period=1.0, until=100.0)
    rows, _, window = measure(Board(busy), 20.0, lead_s=0.25)
    truth = busy.joules(window.t0_ns / 1e9, window.t1_ns / 1e9)
    assert truth > 1.5 * 70.0 * 20.0
    assert rows["epoch_callback"]["energy_j"] == pytest.approx(70.0 * 20.0)
    assert rows["thread_2s"]["energy_j"] == pytest.approx(70.0 * 20.0)
    assert rows["nvml_counter"]["energy_j"] == pytest.approx(truth, abs=0.01)
    assert [method for method, row in rows.items() if row["is_best"]] == ["nvml_counter"]


def test_slow_thread_takes_every_twentieth_sample():
    rows, _, _ = measure(Board(constant(90.0)), 20.0)
    assert rows["thread_2s"]["n_samples"] == 10
    assert rows["thread_2s"]["energy_j"] == pytest.approx(1800.0)


def test_a_window_shorter_than_the_slow_thread_has_no_sample_of_it():
    rows, energy, _ = measure(Board(constant(90.0)), 0.5, lead_s=1.05)
    slow = rows["thread_2s"]
    assert (slow["energy_j"], slow["n_samples"], slow["quality"]) == (None, 0, "short")
    assert "2 s schedule" in slow["reason"]
    assert energy.quality == "short"
    assert energy.energy_j == pytest.approx(45.0, abs=0.01)


def test_a_counter_that_was_not_renewed_is_not_zero_joules():
    board = Board(constant(100.0), update_s=0.1)
    rows, energy, _ = measure(board, 0.04, lead_s=0.03)
    assert rows["nvml_counter"]["energy_j"] is None
    assert "not renewed" in rows["nvml_counter"]["reason"]
    assert (energy.method, energy.quality) == ("nvml_power_trapz", "short")
    assert energy.energy_j == pytest.approx(4.0)


def test_the_counter_is_within_a_quantum_of_the_truth():
    board = Board(POWERS["square wave"], update_s=0.1)
    for lead_s in (0.01, 0.05, 0.09):
        rows, _, window = measure(board, 4.0, lead_s=lead_s)
        truth = board.power.joules(window.t0_ns / 1e9, window.t1_ns / 1e9)
        assert abs(rows["nvml_counter"]["energy_j"] - truth) <= 350.0 * 0.1
        assert rows["nvml_counter"]["quality"] == "ok"


def test_counter_and_integral_that_contradict_each_other_are_marked():
    # zeus#181: 187 J by one, 327 J by the other. The sensor here looks away from the bursts.
    board = Board(square_wave(50.0, 350.0, period=0.1, until=100.0), update_s=0.1)
    board.instant_window_s = 0.025
    rows, energy, _ = measure(board, 5.0)
    assert energy.quality == "disagree"
    assert "nvml_power_trapz" in energy.reason
    assert rows["nvml_power_trapz"]["quality"] == "disagree"


def test_another_process_on_the_board_is_seen():
    rows, energy, _ = measure(Board(processes=2), 5.0)
    assert energy.quality == "shared"
    assert energy.reason == "2 processes compute on the device"
    assert rows["nvml_counter"]["n_processes_on_device"] == 2
