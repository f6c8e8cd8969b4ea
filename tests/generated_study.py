"""Generates tables of a study, to test figures and reports at a scale that tests can't run."""

import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from nasturtium.records.energy import ENERGY, POWER
from nasturtium.records.metrics import METRICS, SUMMARY
from nasturtium.records.parquet import write_table
from nasturtium.records.predictions import PREDICTIONS
from nasturtium.records.runs import Run, run_names
from nasturtium.records.training import TRAINING
from nasturtium.records.trials import TRIALS
from nasturtium.report.changes import with_changes
from nasturtium.report.summary import with_ratios

_FILLERS = {pa.string(): "none", pa.int64(): 1, pa.float64(): 1.0, pa.bool_(): False}
RATIOS = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95]
CONTROLS = ["baseline_longer", "scratch/channels", "pruned/random"]


def write_study(
    results: Path,
    dataset: str = "digits",
    *,
    seeds: int = 2,
    ratios: list[float] | None = None,
    trials: int = 10,
    epochs: int = 12,
    regression: bool = False,
    measured: bool = True,
) -> list[dict]:
    """Write the tables of every run under ``results``; the rows of its summary.

    Parameters
    ----------
    trials
        Of each of a seed's two searches.
    measured
        Whether there was a GPU to measure power, energy and memory.
    """
    names = run_names(["magnitude", "channels"], ratios or RATIOS, CONTROLS)
    rows = []
    for seed in range(seeds):
        draw = random.Random(seed)
        for name in names:
            run = Run(dataset, seed, name)
            folder = results / dataset / f"seed{seed}" / name
            rows.append(_metrics(run, draw, regression, measured))
            write_table(folder / "metrics.parquet", METRICS, rows[-1:], code="generated")
            if seed == 0:  # the figures show the answers of the first one
                _write_answers(folder / "predictions.parquet", rows[-1])
            searches = run.stage in ("nas", "nas_with_pruning")
            training = _training(run, draw, epochs, regression, trials if searches else None)
            write_table(folder / "training.parquet", TRAINING, training, code="generated")
            if searches:
                found = _trials(run, draw, trials, regression)
                write_table(folder / "trials.parquet", TRIALS, found, code="generated")
            power, energy = _metered(run, measured)
            write_table(folder / "power.parquet", POWER, power, code="generated")
            write_table(folder / "energy.parquet", ENERGY, energy, code="generated")
    return rows


def write_summary(results: Path, rows: list[dict]) -> Path:
    """``summary.parquet`` with the rows of one or more data sets."""
    path = results / "summary.parquet"
    write_table(path, SUMMARY, summarised(rows), code="generated")
    return path


def summarised(rows: list[dict]) -> list[dict]:
    """Rows of ``summary.parquet``, with ratios and the changes of made-up answers."""
    timed = [{**row, **_timed(row)} for row in with_ratios(rows)]
    return with_changes(timed, [_answers(row) for row in rows])


def _timed(row: dict) -> dict[str, float]:
    """Paired latencies: a floor that every net has, and a part that goes with its size."""
    ratio = 0.3 + 0.7 * row["parameters"] / 480_000
    ends = {"": ratio, "_low": ratio - 0.01, "_high": ratio + 0.01}
    return {
        f"{form}_latency_ratio{end}": value
        for form in ("tflite", "tflite_int8")
        for end, value in ends.items()
    }


def _answers(row: dict) -> dict[str, np.ndarray]:
    """Answers to 400 samples a split, as good as the row says; all nets find the same ones hard."""
    common, own = (np.random.default_rng([row["seed"], n]) for n in (0, len(row["run"])))
    size, halves = 800, np.repeat(["validation", "test"], 400).astype(object)
    hardness = np.where(own.random(size) < 0.8, common.random(size), own.random(size))
    if row["task"] == "classification":
        prediction = (hardness > row["test_accuracy"]).astype(float)
    else:
        prediction = -row["test_mae"] * np.log(np.clip(hardness, 1e-9, 1))
    index, target = np.arange(size), np.zeros(size)
    return {"split": halves, "index": index, "target": target, "prediction": prediction}


def _write_answers(path: Path, row: dict) -> None:
    answers = {name: values.tolist() for name, values in _answers(row).items()}
    identity = {name: row[name] for name in ("dataset", "seed", "run")}
    samples = [
        {**identity, **dict(zip(answers, sample, strict=True))}
        for sample in zip(*answers.values(), strict=True)
    ]
    write_table(path, PREDICTIONS, samples, code="generated")


def _filled(schema: pa.Schema) -> dict:
    return {
        field.name: None if field.nullable else _FILLERS.get(field.type, []) for field in schema
    }


def _share(run: Run) -> float:
    """Share of the baseline's parameters that the run's model has."""
    left = {"nas": 0.6, "nas_pruned": 0.6, "nas_with_pruning": 0.2}.get(run.stage, 1.0)
    return left * (1 - (run.ratio or 0)) if run.method != "magnitude" else left


def _error(run: Run) -> float:
    hurt = {"random": 3.0, "channels": 1.0, "magnitude": 0.6}.get(run.method, 0)
    start = {"nas": 0.9, "nas_pruned": 0.9, "nas_with_pruning": 1.1, "scratch": 1.4}
    return start.get(run.stage, 1.2) * (1 + hurt * (run.ratio or 0) ** 4)


def _metrics(run: Run, draw: random.Random, regression: bool, measured: bool) -> dict:
    share, error = _share(run), _error(run) * draw.gauss(1, 0.04)
    parameters = int(480_000 * share * draw.gauss(1, 0.01))
    nonzero = int(parameters * (1 - (run.ratio or 0) * (run.method == "magnitude")))
    quality = (
        {
            **_with_ends("test_mae", 30 * error, 2.0),
            **_with_ends("test_rmse", 40 * error, 3.0),
            "validation_mae": 29 * error,
            "validation_rmse": 41 * error,
            "constant_mae": 90.0,
            "linear_mae": 50.0,
            "tflite_int8_mae": 30.6 * error,
            **_ends("tflite_int8_mae_change", "", 0.6 * error, 0.5),
            "tflite_int8_accuracy": None,
        }
        if regression
        else {
            **_with_ends("test_accuracy", 1 - error / 100, 0.002),
            "test_balanced_accuracy": 1 - error / 100,
            "test_recall": [1 - error / 100] * 2,
            "test_confusion": [4950, 50, 50, 4950],
            "test_calibration_error": 0.01,
            "validation_accuracy": 1 - error / 101,
            "constant_accuracy": 0.51,
            "linear_accuracy": 0.91,
            "tflite_int8_accuracy": 1 - 1.02 * error / 100,
            **_ends("tflite_int8_accuracy_change", "_points", -0.02 * error, 0.1),
            "tflite_int8_mae": None,
        }
    )
    return {
        **_filled(METRICS),
        **run.identity,
        **quality,
        "stage": run.stage,
        "method": run.method,
        "ratio": run.ratio,
        "task": "regression" if regression else "classification",
        "target_unit": "kEUR" if regression else None,
        "test_samples": 10_000,
        "validation_samples": 5_000,
        "parameters": parameters,
        "nonzero_parameters": nonzero,
        "macs": parameters * 3,
        "weights_gzip_bytes": int(3.7 * nonzero),
        "keras_bytes": 4 * parameters,
        "tflite_bytes": 4 * parameters + 3000,
        "tflite_int8_bytes": parameters + 3000,
        "tflite_int8_reason": None,
        "tflite_int8_arena_reason": None,
        "tflite_int8_arena_bytes": 9000 + int(20_000 * share),
        "tflite_latency_p50_ms": 0.004 + 0.02 * share * draw.gauss(1, 0.02),
        "calculated_memory_bytes": 4 * parameters + 20_000,
        "gpu_inference_peak_bytes": 4 * parameters + 40_000 if measured else None,
        "latency_p50_ms": 0.2 + 0.4 * share * draw.gauss(1, 0.05),
        "latency_threads": 1,
        "inference_energy_j": 4e-6 * (0.3 + share) * draw.gauss(1, 0.05) if measured else None,
        "inference_energy_reason": None if measured else "no NVIDIA driver",
        "job_energy_j": 900 * (1 + draw.random()) if measured else None,
        "job_energy_method": "nvml_counter" if measured else "none",
        "job_energy_reason": None if measured else "no NVIDIA driver",
        "job_duration_s": 30 * (1 + draw.random()),
        "device_kind": "gpu" if measured else "cpu",
        "device_name": "A GPU of nobody" if measured else "A CPU of nobody",
        "cpu_name": "A CPU of nobody",
        "cpu_count": 2,
    }


def _with_ends(name: str, value: float, half: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def _ends(name: str, unit: str, value: float, half: float) -> dict[str, float]:
    ends = {"": value, "_low": value - half, "_high": value + half}
    return {f"{name}{end}{unit}": figure for end, figure in ends.items()}


def _training(run: Run, draw: random.Random, epochs: int, regression: bool, trials) -> list[dict]:
    rows = []
    for trial in [None] if trials is None else range(trials):
        last = _error(run) * draw.gauss(1, 0.2)
        for epoch in range(epochs):
            error = last * (1 + 8 * 0.6**epoch) * draw.gauss(1, 0.05)
            done = min(1.0, max(0.0, (epoch - 1) / (0.6 * epochs)))
            ratios = {"nas_with_pruning": 0.7, "scratch": None}
            target = ratios.get(run.stage, run.ratio)
            rows.append(
                {
                    **_filled(TRAINING),
                    **run.identity,
                    "trial": None if trial is None else f"{trial:04}",
                    "epoch": epoch,
                    "loss": error / 10,
                    "validation_loss": error / 9,
                    "validation_accuracy": None if regression else 1 - error / 100,
                    "validation_mae": 30 * error if regression else None,
                    "sparsity": None if target is None else target * (1 - (1 - done) ** 3),
                    "admissible": True,
                    "selected": epoch == epochs - 1,
                }
            )
    return rows


def _trials(run: Run, draw: random.Random, count: int, regression: bool) -> list[dict]:
    rows, volume = [], 0.0
    for number in range(count):
        failed = draw.random() < 0.03 and number
        size = int(10 ** draw.uniform(3.3, 5.8))
        error = 40 / size**0.35 * draw.lognormvariate(0, 0.35) * (1 - 0.4 * number / count)
        volume = max(volume, volume + draw.random() * 0.05 * (1 - number / count))
        row = {
            **_filled(TRIALS),
            **run.identity,
            "trial": f"{number:04}",
            "number": number,
            "status": "failed" if failed else "completed",
            "reason": "ran out of memory" if failed else None,
            "score_terms": ["validation_loss", "parameters"],
            "hyperparameters": "{}",
            "picked_as": [],
            "hypervolume": volume,
        }
        if not failed:
            quality = "validation_mae" if regression else "validation_accuracy"
            row[quality] = 30 * error if regression else 1 - error / 100
            row["validation_loss"] = error / 10
            row["parameters"] = size
            row["score"] = draw.gauss(0.5 - number / count, 0.3)
        rows.append(row)
    min((r for r in rows if r["score"] is not None), key=lambda r: r["score"])["best"] = True
    return rows


def _metered(run: Run, measured: bool) -> tuple[list[dict], list[dict]]:
    start_ns = 10**12
    windows = [("job", 0, 300), ("idle", 0, 12), ("fit", 15, 150), ("fit", 160, 290)]
    energy = [
        {
            **_filled(ENERGY),
            **run.identity,
            "window_id": number,
            "kind": kind,
            "t0_ns": start_ns + int(begin_s * 1e9),
            "t1_ns": start_ns + int(end_s * 1e9),
            "t0_wall": datetime(2026, 1, 1, tzinfo=UTC),
            "device_id": "GPU-0000-generated",
            "device_name": "A GPU of nobody",
            "method": "nvml_counter" if measured else "none",
            "is_best": measured,
            "energy_j": 150.0 * (end_s - begin_s) if measured else None,
            "reason": None if measured else "no NVIDIA driver",
        }
        for number, (kind, begin_s, end_s) in enumerate(windows)
    ]
    if not measured or run.seed:
        return [], energy  # figures show the first seed's traces
    draw = random.Random(run.name)
    busy = [(begin_s, end_s) for kind, begin_s, end_s in windows if kind == "fit"]
    power = []
    for tenth in range(3000):
        level = 180 if any(b <= tenth / 10 <= e for b, e in busy) else 60
        power.append(
            {
                **_filled(POWER),
                **run.identity,
                "t_ns": start_ns + tenth * 10**8,
                "device_id": "GPU-0000-generated",
                "power_instant_w": draw.gauss(level, 6),
            }
        )
    return power, energy
