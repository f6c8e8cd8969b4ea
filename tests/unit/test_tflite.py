"""A model as a file for deployment, and the bytes that its zeros would save."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from nasturtium.measurement.sparse_bytes import sparse_bytes
from nasturtium.measurement.tflite import convert, measure_tflite
from nasturtium.models.lite import Interpreter


@pytest.fixture(scope="module")
def net() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 1))
    x = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dense(300, activation="relu")(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


@pytest.mark.parametrize(("dynamic", "tolerance"), [(False, 1e-6), (True, 0.02)])
def test_the_converted_model_computes_the_same(net, dynamic, tolerance):
    sample = np.random.default_rng(0).uniform(0, 255, (1, 12, 12, 1)).astype(np.float32)
    expected = net(sample).numpy()
    assert expected.std() > 0.005
    output = Interpreter(convert(net, dynamic=dynamic)).predict(sample)
    np.testing.assert_allclose(output, expected, atol=tolerance)


def test_a_float_takes_four_bytes_and_an_int8_one(net):
    done = measure_tflite(net, warm_up_runs=2, runs=20)
    parameters = net.count_params()
    assert done["tflite_bytes"] == pytest.approx(4 * parameters, rel=0.05)
    assert done["tflite_dynamic_bytes"] == pytest.approx(parameters, rel=0.05)
    assert 0 < done["tflite_latency_p50_ms"] <= done["tflite_latency_p95_ms"]
    assert done["tflite_dynamic_latency_p50_ms"] > 0
    assert done["tflite_dynamic_reason"] is None
    assert done["tflite_reason"] is None
    assert done["tflite_threads"] == 1


def test_what_can_t_be_converted_is_null_with_the_reason():
    inputs = keras.Input((4,))
    outputs = keras.layers.Lambda(lambda x: tf.math.betainc(x, x, x))(inputs)
    done = measure_tflite(keras.Model(inputs, outputs), 1, 1)
    assert done["tflite_bytes"] is None
    assert done["tflite_latency_p50_ms"] is None
    assert "ConverterError" in done["tflite_reason"]


def test_a_dynamic_range_file_without_int8_is_null_with_the_reason():
    small = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    done = measure_tflite(small, 1, 1)
    assert done["tflite_bytes"] > 0
    assert done["tflite_dynamic_bytes"] is None
    assert "no tensor is int8" in done["tflite_dynamic_reason"]


# Deterministic operations can't be turned off again, so in a process of its own.
DROPOUT = """
from nasturtium.jobs import runtime
runtime.configure(1)
import tf_keras as keras
from nasturtium.measurement.latency import inference_function
from nasturtium.measurement.tflite import measure_tflite
from nasturtium.models.files import load_model, save_model

inputs = keras.Input((8, 8, 1))
x = keras.layers.Dropout(0.25)(keras.layers.MaxPooling2D()(inputs))
net = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
save_model(net, "net.keras")
net = load_model("net.keras")
assert measure_tflite(net, 1, 2)["tflite_reason"] is None
inference_function(net, 4)
print("measured on")
"""


def test_a_net_with_dropout_is_still_whole_after_its_conversion(tmp_path):
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", DROPOUT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "measured on" in done.stdout, done.stderr[-2000:]


def test_the_float32_file_is_handed_on_and_what_is_built_next_is_the_same_net():
    def build() -> keras.Model:
        return keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])

    keras.utils.set_random_seed(0)
    expected = [build(), build()][1].get_weights()[0]
    keras.utils.set_random_seed(0)
    net, files = build(), {}
    measure_tflite(net, 1, 1, files)
    assert files == {"tflite": convert(net)}
    # A copy would have drawn initial weights.
    assert np.array_equal(build().get_weights()[0], expected)


def test_sparse_forms_are_counted_by_hand():
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(5)])
    kernel = np.zeros((6, 5), np.float32)
    kernel[0, :3] = 1
    model.layers[0].set_weights([kernel, np.zeros(5)])
    # Biases: 20 bytes. CSR: 3 values, 3 columns of 2 bytes, 7 row starts. Bitmask: 30 bits.
    assert sparse_bytes(model) == {
        "weights_csr_bytes": 20 + 3 * (4 + 2) + 4 * 7,
        "weights_bitmask_bytes": 20 + 3 * 4 + 4,
    }


def test_kernels_of_convolutions_are_matrices_by_output_channel():
    model = keras.Sequential([keras.layers.Input((5, 5, 2)), keras.layers.Conv2D(4, 3)])
    kernel = np.ones((3, 3, 2, 4), np.float32)
    model.layers[0].set_weights([kernel, np.zeros(4)])
    assert sparse_bytes(model)["weights_csr_bytes"] == 16 + 72 * 6 + 4 * 19
