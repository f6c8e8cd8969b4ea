"""The files of a run for use elsewhere, and predictions with only these files."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tf_keras as keras

from nasturtium.data import prepared, readers
from nasturtium.data.catalog import Description
from nasturtium.data.splits import training_data, write_split
from nasturtium.deployment.inputs import describe_inputs, features_of
from nasturtium.deployment.predictor import load_predictor
from nasturtium.errors import DataError, MeasurementError, ModelError
from nasturtium.jobs.job import Job
from nasturtium.models.files import save_model
from nasturtium.models.frame import build_framed
from nasturtium.predict import main
from nasturtium.records.parquet import read_rows
from nasturtium.records.runs import Run
from nasturtium.stages import deployed, deployed_int8, deployed_onnx, measure
from nasturtium.training.frame_statistics import frame_of

ROWS = 1500
OWN = {
    "format": "csv",
    "task": "regression",
    "target": "price",
    "target_unit": "EUR",
    "categorical": ["fuel", "doors"],
    "missing": "median",
    "licence": "CC0",
    "reference": {"mlp": [8]},
}
RUN = Run("cars", 0, "baseline")
SETTINGS = {
    "measure": {
        **{"warm_up_runs": 1, "latency_runs": 3, "throughput_batch_size": 8},
        **{"throughput_runs": 2, "energy_window_s": 0.1, "energy_repeats": 1},
    }
}


def write_cars(path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["id,age,fuel,power,doors,price"]
    for row in range(ROWS):
        power = "" if row % 7 == 0 else f"{rng.uniform(50, 150):.1f}"
        fuel, doors = ("gas", "oil", "", "wood and coal")[row % 4], (2, 4)[row % 2]
        lines.append(f"{row},{rng.uniform(0, 10):.3f},{fuel},{power},{doors},{row % 90}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A measured run of a table with categories and missing values, and its ``deployed``."""
    folder = tmp_path_factory.mktemp("study")
    write_cars(folder / "cars.csv")
    own = {**OWN, "path": str(folder / "cars.csv"), "features": ["age", "fuel", "power", "doors"]}
    description, samples = readers.read_described("cars", own)
    results = folder / "results"
    data, split = results / "data/cars", results / "data/cars/seed0.split.npz"
    prepared.write(data, description, samples)
    # 1,000 samples to test.
    write_split(split, prepared.read(data), {"validation": 0.2, "test": 1000 / ROWS}, seed=0)
    keras.utils.set_random_seed(0)
    frame = frame_of(training_data(prepared.read(data), split))
    layers = keras.layers
    # The measured net is folded, so the deployed one is too.
    body = [layers.Dense(8), layers.BatchNormalization(), layers.ReLU(), layers.Dense(1)]
    job = Job(RUN, data, split, results / "cars/seed0/baseline", SETTINGS, "code")
    with job.metered():
        job.write(build_framed(frame, body, "net"), epochs=[])
    measure.run(job)
    below = replace(job, folder=job.folder / "deployed")
    deployed.run(below)
    deployed_int8.run(below)
    return folder


@pytest.fixture(scope="module")
def answers(study) -> pd.DataFrame:
    table = pd.read_parquet(study / "results/cars/seed0/baseline/predictions.parquet")
    return table[table["split"] == "test"].reset_index(drop=True)


@pytest.fixture
def rows(study, answers) -> pd.DataFrame:
    """Rows of the user's file that are in the test split, in the order of ``answers``."""
    return pd.read_csv(study / "cars.csv").iloc[answers["index"]].reset_index(drop=True)


@pytest.fixture
def alone(study, tmp_path) -> Path:
    """``deployed`` without the rest of the study."""
    return Path(
        shutil.copytree(study / "results/cars/seed0/baseline/deployed", tmp_path / "deployed")
    )


@pytest.mark.parametrize(
    ("name", "column", "tolerance"),
    [("", "int8_prediction", 1e-6), ("model_float32.tflite", "prediction", 1e-5)],
)
def test_the_folder_alone_and_without_tensorflow_answers_as_was_measured(
    alone, rows, answers, tmp_path, name, column, tolerance
):
    pytest.importorskip("ai_edge_litert", reason="uv sync --extra deployed")
    assert len(rows) == 1000
    assert rows["power"].isna().any()
    rows.to_csv(tmp_path / "rows.csv", index=False)
    # Nothing named tensorflow, tf_keras or keras can be imported there.
    code = (
        "import sys, runpy\n"
        "sys.modules.update(tensorflow=None, tf_keras=None, keras=None)\n"
        "runpy.run_module('nasturtium.predict', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(alone / name), str(tmp_path / "rows.csv")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    header, *lines = csv.reader(done.stdout.splitlines())
    assert header == ["prediction"]
    given = np.array([float(value) for (value,) in lines])
    np.testing.assert_allclose(given, answers[column], rtol=tolerance)


def test_a_run_s_name_and_its_model_give_what_was_measured(study, rows, answers):
    results = study / "results"
    for model in ("cars/seed0/baseline", results / "cars/seed0/baseline/model.keras"):
        predictor = load_predictor(model, results)
        assert predictor.unit == "EUR"
        # The nets' outputs are float32 in standard deviations, and threads decide their last bit.
        noise = 4e-7 * float(np.std(answers["prediction"]))
        found = predictor.predict(rows)
        np.testing.assert_allclose(found, answers["prediction"], rtol=1e-6, atol=noise)


def test_columns_may_stand_in_any_order_beside_others(alone, rows):
    predictor = load_predictor(alone)
    expected = predictor.predict(rows)
    turned = rows[rows.columns[::-1]]
    np.testing.assert_array_equal(predictor.predict(turned), expected)
    np.testing.assert_array_equal(predictor.predict(turned.drop(columns=["id"])), expected)
    single = {"age": 3.5, "fuel": "gas", "power": None, "doors": 2}
    frame = pd.DataFrame([single])
    np.testing.assert_array_equal(predictor.predict(single), predictor.predict(frame))


def test_categories_are_found_as_pandas_reads_them(alone, rows):
    predictor = load_predictor(alone)
    expected = predictor.predict(rows)
    for kind in ("float64", "Int64", "str"):
        changed = rows.assign(doors=rows["doors"].astype(kind))
        np.testing.assert_array_equal(predictor.predict(changed), expected)
    nullable = rows.convert_dtypes()
    np.testing.assert_array_equal(predictor.predict(nullable), expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fuel": ["gas", "steam"]}, "row 2 has the category 'steam' in the column 'fuel'"),
        ({"fuel": ["gas", "gas "]}, "did you mean 'gas'?"),
        ({"doors": [2, None]}, "row 2 has no value in the column 'doors'"),
        ({"power": [3, "strong"]}, "row 2 has 'strong' in the column 'power', which is not a"),
        ({"power": [3, "4"]}, "row 2 has '4' in the column 'power', which is not a number"),
        ({"power": [3, np.inf]}, "row 2, column 'power': has an infinite value"),
        ({"power": [3, 1e300]}, "row 2, column 'power': has an infinite value"),
        ({"power": pd.to_datetime(["2020-01-01", "2020-01-02"])}, "not a number"),
    ],
)
def test_what_the_net_was_not_trained_on_is_an_error(alone, change, said):
    good = {"age": [1, 2], "fuel": ["gas", "oil"], "power": [90, 80], "doors": [2, 4]}
    predictor = load_predictor(alone)
    assert len(predictor.predict(pd.DataFrame(good))) == 2
    with pytest.raises(DataError, match=r"[.?]$") as caught:
        predictor.predict(pd.DataFrame({**good, **change}))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("age,fuel,power\n1,gas,3\n", "has no column 'doors'"),
        ("age,fuel,pwr,doors\n1,gas,3,2\n", "has no column 'power'; did you mean 'pwr'?"),
        (
            "age,fuel,power,doors\n1,gas,many,2\n",
            "'many' in the column 'power', which is not a number",
        ),
        ("age,fuel,power,doors\n1,steam,3,2\n", "row 2 has the category 'steam'"),
        ("age,fuel,power,doors\n1,gas,inf,2\n", "row 2, column 'power': has an infinite value"),
        ("age,fuel,power,doors,age\n1,gas,3,2,1\n", "has the column 'age' twice"),
        ("age;fuel;power;doors\n1;gas;3;2\n", "has no column 'age'"),
        ("age,fuel,power,doors\n", "or no row"),
    ],
)
def test_a_wrong_file_is_one_sentence_of_the_command(alone, tmp_path, capsys, lines, said):
    path = tmp_path / "rows.csv"
    path.write_text(lines)
    assert main([str(alone), str(path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert "Traceback" not in told.err


def test_a_csv_file_of_another_separator_and_parquet(alone, rows, tmp_path):
    predictor = load_predictor(alone)
    expected = predictor.predict(rows)
    rows.to_csv(tmp_path / "rows.csv", index=False, sep=";")
    np.testing.assert_array_equal(predictor.predict(tmp_path / "rows.csv", ";"), expected)
    rows.to_parquet(tmp_path / "rows.parquet")
    np.testing.assert_array_equal(predictor.predict(tmp_path / "rows.parquet"), expected)


def test_a_missing_number_is_an_error_where_none_is_imputed(alone):
    card = json.loads((alone / "model.json").read_text())
    for column in card["input"]["columns"]:
        column["fill"] = None
    frame = {"age": [1.0], "fuel": ["gas"], "power": [np.nan], "doors": [2]}
    with pytest.raises(DataError, match="column 'power': has no value"):
        features_of(card["input"], frame)


@pytest.mark.parametrize("rows_", [np.ones((3, 4)), [[1, 2, 3, 4]]])
def test_an_array_has_no_categories(alone, rows_):
    with pytest.raises(DataError, match="give a frame or a file with the columns age, power, fuel"):
        load_predictor(alone).predict(rows_)


def test_files_that_do_not_belong_together_are_refused(alone, study):
    with open(alone / "model_int8.tflite", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x17")
    with pytest.raises(ModelError, match=r"model_int8.tflite: is not the file that"):
        load_predictor(alone)
    (alone / "model.json").unlink()
    with pytest.raises(ModelError, match=r"has no model.json"):
        load_predictor(alone / "model_float32.tflite")
    with pytest.raises(ModelError, match="there is no such model"):
        load_predictor("cars/seed0/none", study / "results")


def test_what_was_measured_is_what_is_deployed(study, tmp_path):
    inputs = keras.Input((8,))
    other = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    save_model(other, tmp_path / "model.keras")
    shutil.copy(study / "results/cars/seed0/baseline/metrics.parquet", tmp_path)
    data = study / "results/data/cars"
    job = Job(RUN, data, data / "seed0.split.npz", tmp_path / "deployed", {}, "code")
    with pytest.raises(MeasurementError, match="measure the run again"):
        deployed_int8.run(job)
    assert not (tmp_path / "deployed").exists()


def test_the_card_has_the_figures_and_the_columns(study, answers):
    folder = study / "results/cars/seed0/baseline"
    (row,) = read_rows(folder / "metrics.parquet")
    text = (folder / "deployed/card.md").read_text()
    for expected in (
        f"{row['tflite_int8_bytes']:,} bytes",
        f"{(answers['int8_prediction'] - answers['target']).abs().mean():.4g} (",
        row["tflite_int8_sha256"],
        "one of (missing), gas, oil, wood and coal",
        "Licence: CC0.",
        "in EUR.",
    ):
        assert expected in text


def test_a_sequence_is_filled_by_channel():
    description = Description("s", "regression", (3, 2), impute="mean", feature_names=("a", "b"))
    inputs = describe_inputs(description, np.array([5.0, 7.0]))
    sample = np.array([[[1, np.nan], [np.nan, 2], [3, 4]]])
    np.testing.assert_array_equal(features_of(inputs, sample), [[[1, 7], [5, 2], [3, 4]]])
    with pytest.raises(DataError, match="row 1, column 2: has no value"):
        features_of(describe_inputs(description, None), sample)


PICTURES = {"kind": "pictures", "shape": [4, 4, 1], "largest_value": 16.0, "picture_files": True}


def test_pictures_are_taken_as_they_were_or_refused():
    good = np.arange(32).reshape(2, 4, 4) % 17
    for samples in (good, good[..., None], good.astype(np.uint8)):
        assert features_of(PICTURES, samples).shape == (2, 4, 4, 1)
    assert features_of(PICTURES, good[0][..., None]).shape == (1, 4, 4, 1)
    bad = good.astype(np.float64)
    bad[1, 0, 0] = np.nan
    for samples, said in (
        (bad, "picture 2 has a value that is not finite"),
        (good * 16, "has values from 0 to 256"),
        (-good, "has values from -16 to 0"),
        (good[:, :3], r"has shape \(2, 3, 4\)"),
        (good.astype(str), "not numbers"),
    ):
        with pytest.raises(DataError, match=said):
            features_of(PICTURES, samples)


def test_picture_files_are_read_as_for_the_training(tmp_path):
    from PIL import Image

    Image.fromarray(np.full((8, 8), 7, np.uint8)).save(tmp_path / "seven.png")
    inputs = {**PICTURES, "largest_value": 255.0}
    for samples in (tmp_path, tmp_path / "seven.png", [tmp_path / "seven.png"]):
        np.testing.assert_array_equal(features_of(inputs, samples), np.full((1, 4, 4, 1), 7))
    with pytest.raises(DataError, match="was not trained on picture files"):
        features_of({**inputs, "picture_files": False}, tmp_path)


def test_an_onnx_file_computes_what_the_model_does(study, rows, answers):
    onnxruntime = pytest.importorskip("onnxruntime", reason="uv sync --extra onnx")
    pytest.importorskip("tf2onnx")
    folder, data = study / "results/cars/seed0/baseline", study / "results/data/cars"
    job = Job(RUN, data, data / "seed0.split.npz", folder / "deployed", {}, "code")
    deployed_onnx.run(job)
    card = json.loads((folder / "deployed/model.json").read_text())
    session = onnxruntime.InferenceSession((folder / "deployed/model.onnx").read_bytes())
    features = features_of(card["input"], rows)
    (outputs,) = session.run(None, {session.get_inputs()[0].name: features})
    np.testing.assert_allclose(outputs[:, 0], answers["prediction"], rtol=1e-5)


# --- C for a microcontroller


def test_the_header_scales_as_the_predictor_does(alone, rows, tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    card = json.loads((alone / "model.json").read_text())
    features = features_of(card["input"], rows)
    program = """
#include <stdio.h>
#include "model_int8.h"
int main(void) {
  float raw; int i = 0;
  for (int q = -128; q < 128; q++) printf("%.9g\\n", model_int8_restore((int8_t)q));
  while (scanf("%f", &raw) == 1) printf("%d\\n", model_int8_quantise(raw, i++ % MODEL_INT8_INPUTS));
  return model_int8_len != sizeof(model_int8);
}
"""
    (tmp_path / "main.c").write_text(program)
    built = [
        *("cc", "-std=c11", "-Wall", "-Werror", "-I", str(alone), str(tmp_path / "main.c")),
        *("-lm", "-o", str(tmp_path / "main")),
    ]
    subprocess.run(built, check=True)
    given = " ".join(f"{value:.9g}" for value in features.ravel())
    said = subprocess.run(
        [str(tmp_path / "main")], input=given, capture_output=True, text=True, check=True
    )
    lines = said.stdout.split()
    from nasturtium.deployment.scaling import Scaling
    from nasturtium.models.lite import Interpreter

    known = card["files"]["model_int8.tflite"]
    net = Interpreter((alone / "model_int8.tflite").read_bytes())
    expected = net.quantised(Scaling(**known["input"])(features)).ravel()
    found = np.array([int(value) for value in lines[256:]])
    # One rounds in float64, the other in float32.
    assert np.abs(found - expected).max() <= 1
    assert (found == expected).mean() > 0.99
    scale, zero = net.output_quantisation
    steps = np.arange(-128, 128)
    restored = Scaling(**known["output"])((steps - zero) * np.float32(scale))
    np.testing.assert_allclose([float(value) for value in lines[:256]], restored, rtol=1e-5)


def test_the_example_compiles(alone, tmp_path):
    """Against declarations of what it uses of TensorFlow Lite Micro."""
    if shutil.which("c++") is None:
        pytest.skip("there is no C++ compiler")
    micro, schema = tmp_path / "tensorflow/lite/micro", tmp_path / "tensorflow/lite/schema"
    micro.mkdir(parents=True)
    schema.mkdir(parents=True)
    (schema / "schema_generated.h").write_text(
        "namespace tflite { struct Model; const Model* GetModel(const void*); }\n"
    )
    (micro / "micro_mutable_op_resolver.h").write_text(
        "namespace tflite { template <unsigned n> struct MicroMutableOpResolver {\n"
        "  int AddFullyConnected(); }; }\n"
    )
    (micro / "micro_interpreter.h").write_text(
        "#include <stddef.h>\n#include <stdint.h>\n"
        "enum TfLiteStatus { kTfLiteOk };\n"
        "struct TfLiteTensor { union { int8_t* int8; } data; };\n"
        "namespace tflite { struct Model; template <unsigned n> struct MicroMutableOpResolver;\n"
        "struct MicroInterpreter {\n"
        "  template <class Ops> MicroInterpreter(const Model*, const Ops&, uint8_t*, size_t);\n"
        "  TfLiteStatus AllocateTensors(); TfLiteStatus Invoke();\n"
        "  TfLiteTensor* input(size_t); TfLiteTensor* output(size_t); }; }\n"
    )
    command = ["c++", "-std=c++17", "-Wall", "-Wno-unused", "-Werror", "-fsyntax-only"]
    subprocess.run([*command, "-I", str(tmp_path), str(alone / "predict.cc")], check=True)
