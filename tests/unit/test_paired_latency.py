"""Paired latency: equal for nets of the same shape, whatever else the machine does."""

import subprocess
import sys

import pytest
import tf_keras as keras

from nasturtium import metering
from nasturtium.measurement.paired_latency import call_floor_ms, describe_load, paired_latency
from nasturtium.measurement.tflite import convert
from nasturtium.models.files import save_model
from nasturtium.records.latency import FORMS, LATENCY, LITE
from nasturtium.records.parquet import read_rows, write_table
from nasturtium.records.runs import Run
from nasturtium.search.measurer import Measurer
from nasturtium.stages import latency


def net(units: int, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.layers.Input((64,))
    hidden = keras.layers.Dense(units, "relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(10, "softmax")(hidden))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {
        "one": convert(net(64, 0)),
        "other": convert(net(64, 1)),
        "large": convert(net(1024, 0)),
    }


@pytest.fixture
def busy_core():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        yield
        process.kill()


def test_nets_of_the_same_shape_are_equally_fast_beside_a_busy_core(files, busy_core):
    ratios = [paired_latency(files["one"], files["other"]).ratio for _ in range(12)]
    assert all(1 / 1.03 < ratio < 1.03 for ratio in ratios), ratios


def test_a_larger_net_is_slower_by_what_its_block_takes(files):
    found = paired_latency(files["large"], files["one"])
    assert 2 < found.low < found.ratio < found.high
    assert found.ratio == pytest.approx(found.own_ms / found.reference_ms, rel=0.2)
    assert 0 < call_floor_ms() < found.reference_ms
    assert describe_load()["load_average"] >= 0


def test_a_seed_s_table_has_a_row_a_run_and_form(files, tmp_path, monkeypatch):
    # TensorFlow is set up already in this process.
    monkeypatch.setattr(latency.runtime, "configure", lambda threads: None)
    runs = [Run("digits", 0, name) for name in ("baseline", "pruned/channels-0.50")]
    for number, (run, name) in enumerate(zip(runs, ("one", "large"), strict=True)):
        rows = [{**run.identity, "form": FORMS[0], "content": files[name]}]
        write_table(tmp_path / f"{number}.parquet", LITE, rows, code="test")
    paths = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    latency.run(runs, paths, tmp_path / "latency.parquet", threads=1, code="test")
    table = {(row["run"], row["form"]): row for row in read_rows(tmp_path / "latency.parquet")}
    assert len(table) == 4
    assert set(table["baseline", "tflite"]) == set(LATENCY.names)
    assert table["baseline", "tflite"]["ratio"] == pytest.approx(1, abs=0.1)
    assert table["pruned/channels-0.50", "tflite"]["ratio_low"] > 2
    missing = table["pruned/channels-0.50", "tflite_int8"]
    assert missing["ratio"] is None
    assert missing["reason"] == "the run has no such file; its metrics.parquet says why"


def test_a_search_takes_a_trial_s_latency_as_a_ratio_to_the_baseline_s(tmp_path):
    settings = {"objective": {"latency": 1.0}, "latency_runs": 5}
    path = tmp_path / "baseline.keras"
    save_model(net(64, 0), path)
    with metering.session(sources=[], idle_s=0) as meter:
        measurer = Measurer(meter, settings, baseline=path)
        # A resumed search: the baseline's latency when its reference was measured.
        measurer.baseline_latency_ms = 7.0
        assert measurer.saved(net(64, 1), path)["tflite_latency_ms"] == pytest.approx(7, rel=0.1)
        assert measurer.saved(net(1024, 1), path)["tflite_latency_ms"] > 14
        idle = Measurer(meter, {"objective": {"latency": 0}, "latency_runs": 5}, baseline=path)
        measured = idle.saved(net(64, 1), path)
    assert measured["tflite_latency_ms"] is None
    assert measured["tflite_latency_reason"] == "not a term of the objective"
