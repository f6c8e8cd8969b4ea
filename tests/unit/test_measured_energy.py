"""Energy of a sample of a real model, against a device of known power."""

import time

import pytest
import tf_keras as keras

from nasturtium import metering
from nasturtium.measurement import energy as measured
from nasturtium.measurement.energy import energy_columns, measure_energy, measure_file_energy
from nasturtium.measurement.tflite import convert
from nasturtium.metering.clock import Clock
from nasturtium.metering.devices.nvml import open_gpus
from nasturtium.metering.sources import Device, Reading, Source
from nasturtium.models.lite import Interpreter
from nasturtium.records.metrics import METRICS
from tests.nvml_fake import Board, FakeNvml, constant, installed

SETTINGS = {"energy_window_s": 0.5, "energy_repeats": 2}


@pytest.fixture
def model() -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))


def test_joules_of_a_sample_are_power_times_time_over_samples(model):
    with installed(FakeNvml(Clock(), [Board(constant(200.0))])):
        sources, _ = open_gpus()
        with metering.session(sources=sources, idle_s=0) as meter:
            energy = measure_energy(model, 8, meter, SETTINGS)
    columns = energy_columns("inference_energy", energy)
    assert set(columns) <= set(METRICS.names)
    expected_j = 200.0 * energy.seconds_per_sample
    assert columns["inference_energy_j"] == pytest.approx(expected_j, rel=0.1)
    assert columns["inference_energy_batch_size"] == 8
    assert columns["inference_energy_repeats"] == 2
    assert columns["inference_energy_method"].startswith("nvml")
    assert columns["inference_energy_idle_power_w"] == pytest.approx(200.0, rel=0.1)
    # The device draws the same when idle, so the calls themselves cost nothing.
    assert abs(columns["inference_energy_net_j"]) < 0.1 * expected_j
    assert columns["inference_energy_quality"] == "short"
    assert columns["inference_energy_reason"]


def test_without_a_source_nothing_is_run_and_the_reason_is_given(model):
    with metering.session(sources=[], idle_s=0) as meter:
        columns = energy_columns("inference_energy", measure_energy(model, 8, meter, SETTINGS))
    assert columns["inference_energy_j"] is None
    assert columns["inference_energy_net_j"] is None
    assert columns["inference_energy_repeats"] == 0
    assert columns["inference_energy_method"] == "none"
    assert "no source" in columns["inference_energy_reason"]


class Package(Source):
    """A CPU package that draws 20 W."""

    counter_method = "rapl_package"
    update_period_s = 0.001

    def __init__(self):
        super().__init__(Device("cpu_package", "intel-rapl:0"))

    def read(self) -> Reading:
        return Reading(energy_j=20.0 * time.monotonic())


def test_joules_of_a_call_of_each_tflite_file_are_those_of_the_cpu(model, monkeypatch):
    monkeypatch.setattr(measured, "_FILE_WINDOW_S", 0.3)
    calls = []
    monkeypatch.setattr(Interpreter, "invoke", lambda self: calls.append(time.sleep(0.002)))
    columns = measure_file_energy({"tflite": convert(model)}, SETTINGS, [Package()])
    assert set(columns) <= set(METRICS.names)
    assert len(calls) > 100
    # A call takes 2 ms and a little, at 20 W.
    assert 0.04 < columns["tflite_energy_j"] < 0.08
    assert columns["tflite_energy_method"] == "rapl_package"
    assert abs(columns["tflite_energy_net_j"]) < 0.004
    assert columns["tflite_int8_energy_j"] is None
    assert columns["tflite_int8_energy_reason"] == "there is no such file"


def test_without_a_package_that_can_be_read_no_file_is_run(model, monkeypatch):
    monkeypatch.setattr(measured.rapl, "open_sources", lambda: ([], "no /sys/class/powercap"))
    monkeypatch.setattr(Interpreter, "invoke", lambda self: pytest.fail("it was run"))
    columns = measure_file_energy({"tflite": convert(model)}, SETTINGS)
    assert columns["tflite_energy_j"] is None
    assert columns["tflite_energy_method"] == "none"
    assert columns["tflite_energy_reason"] == "no /sys/class/powercap"
