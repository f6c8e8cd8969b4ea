"""The full-integer file: int8 throughout, as good as the net, with its RAM on a microcontroller."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from nasturtium.data.splits import Split
from nasturtium.deployment import micro_source
from nasturtium.deployment.bare_net import vocabulary, without_frame
from nasturtium.deployment.convert import convert_full_integer, predict_full_integer
from nasturtium.deployment.footprint import measure_footprint
from nasturtium.deployment.measured import measure_deployed
from nasturtium.deployment.micro import run_micro
from nasturtium.deployment.scaling import Scaling
from nasturtium.measurement.tflite import convert
from nasturtium.models.frame import Frame, build_framed
from nasturtium.records.latency import FORMS
from nasturtium.records.metrics import METRICS

MEASURE = {"warm_up_runs": 1, "latency_runs": 5}
# Columns of a table as they come: a single int8 scale would leave nothing of the first.
SCALES = np.array([0.001, 1.0, 5000.0])


@pytest.fixture(scope="module")
def table() -> tuple[keras.Model, np.ndarray]:
    keras.utils.set_random_seed(0)
    samples = np.random.default_rng(0).normal(3, 1, (300, 3)) * SCALES
    frame = Frame(
        (3,),
        None,
        feature_mean=samples.mean(axis=0),
        feature_variance=samples.var(axis=0),
        target_mean=150.0,
        target_std=70.0,
    )
    body = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    return build_framed(frame, body, "table"), samples.astype(np.float32)


@pytest.fixture(scope="module")
def pictures() -> tuple[keras.Model, np.ndarray]:
    keras.utils.set_random_seed(0)
    body = [
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    samples = np.random.default_rng(1).integers(0, 256, (100, 6, 6, 1)).astype(np.float32)
    return build_framed(Frame((6, 6, 1), 3, input_scale=255.0), body, "pictures"), samples


@pytest.mark.parametrize("kind", ["table", "pictures"])
def test_the_bare_net_between_its_scalings_is_the_framed_net(kind, request):
    model, samples = request.getfixturevalue(kind)
    bare = without_frame(model)
    kinds = {type(layer) for layer in bare.net.layers}
    assert not kinds & {keras.layers.Rescaling, keras.layers.Normalization}
    scalings = json.loads(json.dumps(bare.as_dict()))
    standardise, restore = (Scaling(**scalings[end]) for end in ("input", "output"))
    outputs = restore(bare.net(standardise(samples)).numpy())
    np.testing.assert_allclose(outputs, model(samples).numpy(), rtol=1e-4, atol=1e-5)


def test_a_net_without_a_frame_stays_whole():
    net = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    bare = without_frame(net)
    samples = np.ones((4, 3), np.float32)
    assert (bare.standardise, bare.restore) == (Scaling(), Scaling())
    np.testing.assert_array_equal(bare.net(samples), net(samples))


@pytest.mark.parametrize("kind", ["table", "pictures"])
def test_the_file_is_int8_at_both_ends_and_computes_the_same(kind, request):
    model, samples = request.getfixturevalue(kind)
    content, bare = convert_full_integer(model, samples)
    interpreter = tf.lite.Interpreter(model_content=content)
    for (end,) in (interpreter.get_input_details(), interpreter.get_output_details()):
        assert end["dtype"] == np.int8
    expected = model(samples).numpy()
    outputs = predict_full_integer(content, bare, samples)
    assert np.abs(outputs - expected).max() < 0.05 * np.ptp(expected)


def test_every_figure_of_the_files_is_a_column_and_has_no_reason(table):
    model, samples = table
    targets = model(samples).numpy()[:, 0] + 10
    files: dict[str, bytes] = {}
    keras_outputs = model(samples).numpy().astype(np.float64)
    done, outputs = measure_deployed(
        model, samples, Split(samples, targets), keras_outputs, None, MEASURE, files
    )
    assert set(files) == set(FORMS)
    assert set(done) <= set(METRICS.names)
    assert outputs.shape == (300, 1)
    change = done["tflite_int8_mae_change"]
    assert change == pytest.approx(
        done["tflite_int8_mae"] - np.abs(keras_outputs[:, 0] - targets).mean()
    )
    assert done["tflite_int8_mae_change_low"] < change < done["tflite_int8_mae_change_high"]
    assert done["tflite_int8_micro_difference"] <= 1
    assert done["tflite_micro_difference"] < 1e-3
    assert done["tflite_mae"] == pytest.approx(10, abs=0.01)
    assert done["tflite_int8_mae"] == pytest.approx(10, abs=1)
    assert done["tflite_int8_tensors"] >= 5
    assert done["tflite_int8_bytes"] > 0
    assert {done[name] for name in done if name.endswith("reason")} == {None}


def test_inputs_lie_in_the_arena_and_weights_do_not():
    def arena(width: int) -> int:
        net = keras.Sequential([keras.layers.Input((width,)), keras.layers.Dense(4)])
        samples = np.random.default_rng(0).normal(size=(20, width)).astype(np.float32)
        ran = run_micro(convert_full_integer(net, samples)[0], samples)
        assert ran.reason is None
        return ran.arena_bytes

    pytest.importorskip("tflite_micro")
    # 4,080 more inputs of one byte, and 16,320 more weights of one byte.
    assert arena(4096) - arena(16) == pytest.approx(4080, abs=64)


@pytest.mark.parametrize("kind", ["table", "pictures"])
def test_flash_and_ram_are_known_before_the_training(kind, request):
    pytest.importorskip("tflite_micro")
    model, samples = request.getfixturevalue(kind)
    trained = keras.models.clone_model(model)
    draw = np.random.default_rng(3)
    trained.set_weights([draw.normal(size=w.shape) for w in trained.get_weights()])
    content, bare = convert_full_integer(trained, samples)
    known = measure_footprint(keras.models.clone_model(model))
    assert known.reason is None
    assert known.flash_bytes == len(content)
    assert known.ram_bytes == run_micro(content, bare.standardise(samples[:3])).arena_bytes


def test_an_operation_that_is_lacking_is_named():
    pytest.importorskip("tflite_micro")
    inputs = keras.Input((4, 4))
    outputs = keras.layers.Lambda(lambda x: tf.math.cumsum(tf.atan2(x, x)))(inputs)
    ran = run_micro(convert(keras.Model(inputs, outputs)), np.ones((2, 4, 4)))
    assert ran.arena_bytes is ran.largest_difference is None
    assert "ATAN2" in ran.reason


def test_what_is_no_tflite_file_is_null_with_a_reason():
    ran = run_micro(b"no file at all, only some bytes of text", np.ones((2, 4)))
    assert ran.arena_bytes is None
    assert ran.reason


def test_what_can_t_be_quantised_is_null_with_the_reason():
    inputs = keras.Input((4,))
    net = keras.Model(inputs, keras.layers.Lambda(lambda x: tf.math.betainc(x, x, x))(inputs))
    samples = np.full((4, 4), 0.5, np.float32)
    split = Split(samples, np.zeros(4))
    done, outputs = measure_deployed(net, samples, split, np.zeros((4, 4)), None, MEASURE, {})
    assert outputs is None
    assert done["tflite_int8_bytes"] is None
    assert done["tflite_int8_reason"]
    assert done["tflite_arena_reason"]
    assert "tflite_mae" not in done


# --- tokens


@pytest.fixture(scope="module")
def texts() -> tuple[keras.Model, np.ndarray]:
    keras.utils.set_random_seed(0)
    body = [
        keras.layers.Embedding(50, 8),
        keras.layers.Conv1D(6, 3, activation="relu"),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    samples = np.random.default_rng(0).integers(0, 50, (100, 12)).astype(np.int32)
    return build_framed(Frame((12,), 3, vocabulary=50), body, "texts"), samples


def test_a_net_of_tokens_runs_on_a_microcontroller(texts):
    model, samples = texts
    content, bare = convert_full_integer(model, samples)
    ran = run_micro(content, samples[:20])
    assert ran.arena_bytes > 0
    assert ran.largest_difference == 0
    found = predict_full_integer(content, bare, samples)
    np.testing.assert_allclose(found, model.predict(samples, verbose=0), atol=0.02)


def test_c_for_tokens_takes_them_as_they_are_and_refuses_those_beyond_the_table(texts, tmp_path):
    if shutil.which("c++") is None:
        pytest.skip("there is no C++ compiler")
    model, samples = texts
    content, bare = convert_full_integer(model, samples)
    known = vocabulary(bare.net)
    assert known == 50
    assert vocabulary(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])) is None
    header = micro_source.header(content, bare.standardise, bare.restore, "a net", known)
    assert "quantise" not in header
    (tmp_path / "model_int8.h").write_text(header)
    example = micro_source.example(content, 2256, known)
    lines = [line for line in example.splitlines() if not line.startswith('#include "tensorflow')]
    (tmp_path / "predict.cc").write_text("\n".join(lines))
    # Stands in for TensorFlow Lite Micro: it counts its runs.
    (tmp_path / "main.cc").write_text(
        """
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
enum TfLiteStatus { kTfLiteOk };
struct TfLiteTensor { union { int8_t int8[16]; int32_t i32[16]; } data; };
namespace tflite {
struct Model; inline const Model* GetModel(const void*) { return nullptr; }
template <unsigned n> struct MicroMutableOpResolver {
  void AddConv2D() {} void AddFullyConnected() {} void AddGather() {} void AddMean() {}
  void AddReshape() {} void AddSoftmax() {} };
struct MicroInterpreter {
  TfLiteTensor in, out; int runs = 0;
  template <class Ops> MicroInterpreter(const Model*, const Ops&, uint8_t*, size_t) {}
  TfLiteStatus AllocateTensors() { return kTfLiteOk; }
  TfLiteStatus Invoke() {
    for (int i = 0; i < 3; i++) out.data.int8[i] = -128 + in.data.i32[i];
    return kTfLiteOk;
  }
  TfLiteTensor* input(int) { return &in; }
  TfLiteTensor* output(int) { return &out; } };
}
#include "predict.cc"
int main() {
  int32_t tokens[12] = {0, 25, 49}; float outputs[3];
  bool given = predict(tokens, outputs);
  printf("%d %.4f %.4f %.4f", given, outputs[0], outputs[1], outputs[2]);
  tokens[11] = 50; printf(" %d", predict(tokens, outputs));
  tokens[11] = -1; printf(" %d", predict(tokens, outputs));
}
"""
    )
    built = ["c++", "-std=c++17", "-Wall", "-Wno-unused", "-Werror", str(tmp_path / "main.cc")]
    subprocess.run([*built, "-o", str(tmp_path / "main")], check=True)
    said = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True)
    assert said.stdout == "1 0.0000 0.0977 0.1914 0 0"
