"""Properties of the energy that hold for every trace and every window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasturtium import metering
from nasturtium.metering.devices.nvml import open_gpus
from nasturtium.metering.integrate import (
    NS,
    decimate,
    longest_gap_s,
    trapezoid_j,
    went_backwards,
)
from tests.nvml_fake import Board, FakeNvml, VirtualClock, installed, square_wave

WATTS = st.floats(0.0, 1000.0)


@st.composite
def traces(draw, smallest=1):
    steps = draw(st.lists(st.integers(1, 3 * NS), min_size=smallest, max_size=30))
    power = draw(st.lists(WATTS, min_size=len(steps), max_size=len(steps)))
    return np.cumsum(np.array(steps, dtype=np.int64)), np.array(power)


@st.composite
def traces_with_borders(draw, count):
    t_ns, power = draw(traces())
    latest = int(t_ns[-1]) + NS
    return t_ns, power, sorted(draw(st.integers(0, latest)) for _ in range(count))


@given(traces_with_borders(3))
def test_energy_adds_up_over_adjacent_windows(case):
    t_ns, power, (a, b, c) = case
    whole = trapezoid_j(t_ns, power, a, c)
    parts = trapezoid_j(t_ns, power, a, b) + trapezoid_j(t_ns, power, b, c)
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-6)


@given(traces_with_borders(2), st.none() | WATTS, st.none() | WATTS)
def test_energy_lies_between_least_and_largest_power(case, begin_w, end_w):
    t_ns, power, (a, b) = case
    seen = [*power, *(value for value in (begin_w, end_w) if value is not None)]
    energy = trapezoid_j(t_ns, power, a, b, begin_w=begin_w, end_w=end_w)
    duration = (b - a) / NS
    slack = 1e-6 + 1e-9 * abs(energy)
    assert min(seen) * duration - slack <= energy <= max(seen) * duration + slack


@given(traces(), WATTS, st.data())
def test_constant_power_is_exact(trace, watts, data):
    t_ns, power = trace
    a, b = sorted(data.draw(st.integers(0, int(t_ns[-1]) + NS)) for _ in range(2))
    energy = trapezoid_j(t_ns, np.full_like(power, watts), a, b)
    assert energy == pytest.approx(watts * (b - a) / NS, rel=1e-9, abs=1e-9)


@given(traces(), WATTS, WATTS, st.data())
def test_linear_power_is_exact_between_the_samples_and_with_borders_read(trace, low, slope, data):
    t_ns, _ = trace
    a, b = sorted(data.draw(st.integers(0, int(t_ns[-1]) + NS)) for _ in range(2))

    def watts(at):
        return low + slope * at / NS

    truth = (watts(a) + watts(b)) / 2 * (b - a) / NS
    energy = trapezoid_j(t_ns, watts(t_ns), a, b, begin_w=watts(a), end_w=watts(b))
    assert energy == pytest.approx(truth, rel=1e-9, abs=1e-6)
    if t_ns[0] <= a and b <= t_ns[-1]:
        assert trapezoid_j(t_ns, watts(t_ns), a, b) == pytest.approx(truth, rel=1e-9, abs=1e-6)


@given(traces_with_borders(2), st.integers(-(10**17), 10**17))
def test_the_clock_may_start_anywhere(case, shift):
    t_ns, power, (a, b) = case
    there = trapezoid_j(t_ns + shift, power, a + shift, b + shift)
    assert there == trapezoid_j(t_ns, power, a, b)
    assert np.array_equal(decimate(t_ns + shift, 2.0), decimate(t_ns, 2.0))
    shifted = longest_gap_s(t_ns + shift, a + shift, b + shift)
    assert shifted == longest_gap_s(t_ns, a, b)


@given(traces())
def test_decimation_keeps_the_first_sample_of_each_period(trace):
    t_ns, _ = trace
    kept = decimate(t_ns, 2.0)
    periods = (t_ns - t_ns[0]) // (2 * NS)
    assert kept[0] == 0
    assert list(periods[kept]) == sorted(set(periods.tolist()))
    assert all(periods[index - 1] < periods[index] for index in kept[1:])


@given(st.lists(st.floats(0.0, 1e6) | st.just(float("nan")), max_size=20))
def test_a_counter_goes_backwards_or_is_sorted(values):
    known = [value for value in values if value == value]
    assert went_backwards(np.array(values)) == (known != sorted(known))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 1500)), max_size=8), st.integers(100, 3000))
def test_windows_do_not_influence_each_other(others, wait_ms):
    """The same window, alone and amid others that nest in it and overlap it."""

    def measured(is_alone):
        clock = VirtualClock()
        board = Board(square_wave(60.0, 300.0, period=0.7, until=100.0))
        with installed(FakeNvml(clock, [board])):
            sources, _ = open_gpus()
            with metering.session(sources=sources, clock=clock, thread=False, idle_s=0) as meter:
                still_open = []
                for is_closed_inside, milliseconds in others[::2]:
                    if not is_alone:
                        still_open.append((is_closed_inside, meter.begin("trial", key="other")))
                    clock.sleep(milliseconds / 1000)
                window = meter.begin("fit", key="ours")
                for is_closed_inside, milliseconds in others[1::2]:
                    if not is_alone:
                        still_open.append((is_closed_inside, meter.begin("epoch", key="other")))
                    clock.sleep(milliseconds / 1000)
                clock.sleep(wait_ms / 1000)
                for is_closed_inside, other in still_open:
                    if is_closed_inside:
                        meter.end(other)
                meter.end(window)
                clock.sleep(0.3)
                for _, other in still_open:
                    meter.end(other)
            return meter.energy(window)

    def figures(energy):
        ignored = ("window_id", "parent_id")
        return [{k: v for k, v in row.items() if k not in ignored} for row in energy.rows]

    assert figures(measured(True)) == figures(measured(False))


def test_a_window_needs_something_to_go_by():
    with pytest.raises(ValueError, match="has no sample"):
        trapezoid_j(np.array([]), np.array([]), 0, NS)
    with pytest.raises(ValueError, match="before it begins"):
        trapezoid_j(np.array([0]), np.array([1.0]), NS, 0)
    assert trapezoid_j(np.array([]), np.array([]), 0, NS, end_w=5.0) == 5.0
