"""The tables of the summary: right means, right spread, nothing made up."""

from nasturtium.report.spread import HEADER, over_seeds
from nasturtium.report.summary import with_ratios


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
