"""The tables of the summary: right means, right spread, no invented figures."""

import numpy as np
import pytest

from nasturtium.errors import RecordError
from nasturtium.report.changes import with_changes
from nasturtium.report.spread import HEADER, over_seeds
from nasturtium.report.summary import readable, with_ratios


def row(seed: int, run: str, accuracy: float, **figures) -> dict:
    return {
        "dataset": "a",
        "seed": seed,
        "run": run,
        "task": "classification",
        "test_accuracy": accuracy,
        "test_mae": None,
        "parameters": 1000,
        "nonzero_parameters": 1000,
        "weights_gzip_bytes": 4000,
        "tflite_bytes": 5000,
        "tflite_int8_bytes": 1500,
        "tflite_latency_p50_ms": None,
        "cpu_name": "x",
        "tflite_threads": 1,
        **figures,
    }


def cells(table: str) -> dict[str, dict[str, str]]:
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines()]
    return {line[1]: dict(zip(HEADER, line, strict=True)) for line in lines[2:]}


def test_mean_and_sample_deviation_over_seeds():
    rows = with_ratios(
        [
            row(0, "baseline", 0.90, train_accuracy=0.98),
            row(0, "p", 0.91, parameters=100),
            row(1, "baseline", 0.92, train_accuracy=0.99),
            row(1, "p", 0.90, parameters=104),
            row(2, "baseline", 0.94, train_accuracy=1.0),
        ]
    )
    table = cells(over_seeds(rows))
    assert table["baseline"]["test"] == "92.00 ± 2.00 %"
    assert table["baseline"]["train"] == "99.00 ± 1.00 %"
    # A figure that one seed lacks is none.
    assert table["p"]["train"] == "-"
    assert table["baseline"]["parameters"] == "1,000"
    assert table["baseline"]["n"] == "3"
    assert table["p"]["n"] == "2"
    assert table["p"]["parameters"] == "102 ± 3"
    # Each seed against its own baseline: +1 and -2 points.
    assert table["p"]["points to baseline"] == "-0.50 ± 2.12"
    assert table["p"]["TFLite us"] == "-"


def test_one_seed_has_no_deviation():
    assert (
        cells(over_seeds(with_ratios([row(0, "baseline", 0.9)])))["baseline"]["test"] == "90.00 %"
    )


def answers(wrong, n=270, split="test") -> dict[str, np.ndarray]:
    prediction = np.where(np.isin(np.arange(n), list(wrong)), 0.0, 1.0)
    return columns(split, np.ones(n), prediction)


def columns(split: str, target, prediction) -> dict[str, np.ndarray]:
    n = len(target)
    return {
        "split": np.full(n, split, dtype=object),
        "index": np.arange(n),
        "target": np.asarray(target),
        "prediction": np.asarray(prediction),
    }


def changed(rows, predictions) -> list[dict]:
    return with_changes(with_ratios(rows), predictions)


def test_a_change_within_chance_is_not_called_a_difference():
    rows = [row(0, "baseline", 261 / 270), row(0, "p", 263 / 270), row(0, "q", 240 / 270)]
    of_runs = [answers(range(9)), answers(range(2, 9)), answers(range(30))]
    baseline, close, worse = changed(rows, of_runs)
    assert baseline.get("differs_from_baseline") is None
    assert close["differs_from_baseline"] is False
    assert close["accuracy_change_low_points"] < 0 < close["accuracy_change_high_points"]
    low, high = worse["accuracy_change_low_points"], worse["accuracy_change_high_points"]
    assert worse["differs_from_baseline"] is True
    assert low < worse["accuracy_change_points"] < high < 0


def test_errors_of_a_regression_are_compared_sample_by_sample():
    errors = {"baseline": [10.0, 30.0, 50.0, 70.0] * 20, "p": [9.0, 29.5, 49.0, 68.5] * 20}
    rows = [{**row(0, run, None, test_mae=sum(e) / 80), "task": "regression"}
            for run, e in errors.items()]  # fmt: skip
    of_runs = [columns("test", np.zeros(80), -np.array(values)) for values in errors.values()]
    _, better = changed(rows, of_runs)
    # The errors are spread over 60, their differences over 1.
    assert better["mae_change"] == -1.0
    assert -1.2 < better["mae_change_low"] < better["mae_change_high"] < -0.8
    assert better["differs_from_baseline"] is True


def test_runs_on_other_samples_are_an_error_and_not_a_gap():
    rows = [row(0, "baseline", 0.9), row(0, "p", 0.9)]
    other = answers(())
    other["index"] = other["index"] + 1
    with pytest.raises(RecordError, match=r"a/seed0/p/predictions.parquet: has other test samples"):
        changed(rows, [answers(()), other])


def test_the_table_says_what_can_not_be_told_apart():
    figures = {
        name: 1000
        for name in ("macs", "calculated_memory_bytes", "latency_p50_ms", "inference_energy_j")
    }
    rows = [
        row(0, run, accuracy, device_name="x", latency_threads=1, inference_energy_method="none",
            inference_energy_batch_size=1, **figures)
        for run, accuracy in (("baseline", 261 / 270), ("p", 263 / 270))
    ]  # fmt: skip
    text = readable(changed(rows, [answers(range(9)), answers(range(2, 9))]))
    assert "can't be told apart" in text.splitlines()[-3]
    assert "+0.74 (" in text.splitlines()[-3]
