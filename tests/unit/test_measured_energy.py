"""Energy of a sample of a real model, against a device of known power."""

import pytest
import tf_keras as keras

from nasturtium import metering
from nasturtium.measurement.energy import energy_columns, measure_energy
from nasturtium.metering.clock import Clock
from nasturtium.metering.devices.nvml import open_gpus
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
