"""Results in one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras

import nasturtium
from nasturtium.errors import RecordError
from nasturtium.models.files import save_model
from tests.generated_study import write_study, write_summary

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    rows = write_study(folder, "digits", seeds=2, ratios=[0.5], trials=3, epochs=2)
    write_summary(folder, rows)
    return folder


def test_the_package_imports_at_once_and_in_silence():
    code = (
        "import sys, time; t = time.perf_counter(); import nasturtium; "
        "assert time.perf_counter() - t < 0.2; "
        "assert not {'pandas', 'tensorflow', 'pyarrow'} & set(sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_summary_and_trials_are_data_frames(results):
    summary = nasturtium.load_summary(results)
    assert {"run", "parameters_ratio", "latency_p50_ms"} <= set(summary.columns)
    assert set(summary.seed) == {0, 1}
    trials = nasturtium.load_trials(results)
    assert len(trials) == 2 * 2 * 3
    assert set(trials.run) == {"nas", "nas_with_pruning"}


def test_a_model_is_ready_to_predict(results):
    inputs = keras.Input((4,))
    net = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    save_model(net, results / "digits/seed0/baseline/model.keras")
    model = nasturtium.load_model("digits/seed0/baseline", results)
    assert model.predict(np.zeros((3, 4)), verbose=0).shape == (3, 2)


def test_what_is_missing_is_said_in_one_sentence(tmp_path):
    with pytest.raises(RecordError, match="make study"):
        nasturtium.load_summary(tmp_path)
    with pytest.raises(RecordError, match="make study"):
        nasturtium.load_trials(tmp_path)
    with pytest.raises(RecordError, match="no such model"):
        nasturtium.load_model("digits/seed0/none", tmp_path)
    with pytest.raises(AttributeError):
        _ = nasturtium.load_everything
    assert "load_summary" in dir(nasturtium)
