"""Joules per sample."""

import pytest

from nasturtium import metering
from nasturtium.metering.devices.nvml import open_gpus
from tests.nvml_fake import Board, FakeNvml, VirtualClock, installed


class Device:
    """40 W more while a call runs, 20 ms a call."""

    def __init__(self, clock):
        self.clock, self.calls, self.watts = clock, 0, 60.0
        self.joules, self.since = 0.0, clock.now_ns() / 1e9

    def at(self, t):
        return self.watts

    def joules_until(self, t):
        return self.joules + self.watts * (t - self.since)

    def _switch(self, watts):
        now = self.clock.now_ns() / 1e9
        self.joules, self.since, self.watts = self.joules_until(now), now, watts

    def call(self):
        self.calls += 1
        self._switch(100.0)
        self.clock.sleep(0.02)
        self._switch(60.0)


def measured(**options):
    clock = VirtualClock()
    device = Device(clock)
    with installed(FakeNvml(clock, [Board(power=device)])):
        sources, _ = open_gpus()
        with metering.session(
            sources=sources, clock=clock, thread=False, idle_s=0, synchronise=lambda: None
        ) as meter:
            result = metering.measure_inference(device.call, 8, meter=meter, **options)
    return result, device, meter


def test_joules_per_sample():
    result, device, meter = measured()
    assert result.joules_per_sample_mean == pytest.approx(100.0 * 0.02 / 8, rel=1e-4)
    assert result.net_joules_per_sample_mean == pytest.approx(40.0 * 0.02 / 8, rel=1e-3)
    assert result.joules_per_sample_sd < 1e-5
    assert result.seconds_per_sample == pytest.approx(0.02 / 8)
    assert result.idle_power_w == pytest.approx(60.0)
    assert result.power_mean_w == pytest.approx(100.0, rel=1e-4)
    assert (result.n_windows, result.n_calls) == (4, 1000)
    assert result.samples_per_call == 8
    assert (result.method, result.quality, result.reason) == ("nvml_counter", "ok", None)
    assert device.calls == 1000 + 100 + 1  # measured, warm-up, first
    kinds = [window.kind for window in meter.closed_windows()]
    assert kinds == ["job", "idle", *["inference"] * 4]


def test_a_slow_model_is_still_called_often_enough():
    result, _, _ = measured(window_s=0.1, repeats=1, warm_up_s=0.0)
    assert result.n_calls == 32
    assert result.quality == "short"
    assert result.joules_per_sample_sd is None


def test_without_a_source_it_does_not_run_at_all():
    def call():
        raise AssertionError

    clock = VirtualClock()
    with metering.session(sources=[], clock=clock) as meter:
        begin_ns = clock.now_ns()
        result = metering.measure_inference(call, 1, meter=meter)
    assert clock.now_ns() == begin_ns
    assert result == metering.InferenceEnergy(
        1, quality="none", reason="no source of energy readings was given"
    )


def test_a_device_that_can_not_be_metered_does_not_run_either():
    clock = VirtualClock()
    with installed(FakeNvml(clock, [Board(mig=True)])):
        sources, _ = open_gpus()
        with metering.session(sources=sources, clock=clock, thread=False) as meter:
            result = metering.measure_inference(lambda: None, 1, meter=meter)
    assert result.joules_per_sample_mean is None
    assert "MIG" in result.reason


def test_bad_arguments():
    with (
        metering.session(sources=[]) as meter,
        pytest.raises(ValueError, match="at least 1 of each"),
    ):
        metering.measure_inference(lambda: None, 0, meter=meter)
