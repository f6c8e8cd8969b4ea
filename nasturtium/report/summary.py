"""The summary: every run's figures with their ratios to the baseline, and a readable table."""

from collections.abc import Mapping, Sequence

from nasturtium.records.metrics import RATIOS
from nasturtium.records.runs import BASELINE
from nasturtium.report.as_deployed import int8_change_text


def with_ratios(rows: Sequence[Mapping]) -> list[dict]:
    """The rows of all runs, each with its ratios to the baseline of its data set and seed.

    A ratio is null if one of the figures is null, if the baseline's is zero, or if a figure was
    measured in another way or on another device than the baseline's.
    """
    baselines = {(row["dataset"], row["seed"]): row for row in rows if row["run"] == "baseline"}
    summary = []
    for row in rows:
        baseline = baselines.get((row["dataset"], row["seed"]), {})
        ratios = {f"{name}_ratio": _ratio(name, row, baseline) for name in RATIOS}
        accuracy, reference = row.get("test_accuracy"), baseline.get("test_accuracy")
        change = None if accuracy is None or reference is None else 100 * (accuracy - reference)
        summary.append({**row, **ratios, "accuracy_change_points": change})
    return summary


def readable(rows: Sequence[Mapping]) -> str:
    """A Markdown table of the summary, one line per run."""
    header = (
        "data set",
        "seed",
        "run",
        "test",
        "to the baseline (95 %)",
        "parameters",
        "non-zero",
        "MACs",
        "gzip",
        "memory (calculated)",
        "latency p50",
        "TFLite p50",
        "change by int8 (95 %)",
        "int8 flash",
        "int8 RAM",
        "J/sample",
        "epochs in all",
        "seconds in all",
    )
    lines: list[list[str]] = []
    for row in rows:
        lines.append([*_names(row), *_figures(row)])
        if row["run"] == BASELINE:
            lines += [
                [row["dataset"], str(row["seed"]), name, figure, *["-"] * (len(header) - 4)]
                for name, figure in without_net(row)
            ]
    note = (
        "In brackets behind a size or a latency: its ratio to the baseline's. In all: of the job "
        "that made the net and of those whose results it started from, with all trials."
    )
    return f"{aligned(header, lines, names=3)}\n{note}\n"


def without_net(row: Mapping) -> list[tuple[str, str]]:
    """Name and test figure of references without a net, from a baseline's row."""
    found = []
    for name in ("constant", "linear"):
        accuracy, mae = row.get(f"{name}_accuracy"), row.get(f"{name}_mae")
        if accuracy is not None:
            found.append((WITHOUT_NET[name], f"{100 * accuracy:.2f} %"))
        elif mae is not None:
            found.append((WITHOUT_NET[name], _mae(row, mae)))
    return found


WITHOUT_NET = {"constant": "(a constant)", "linear": "(a linear model)"}


def _mae(row: Mapping, mae: float) -> str:
    unit = row["target_unit"]
    return f"MAE {mae:.4g}" + (f" {unit}" if unit else "")


def aligned(header: Sequence[str], lines: Sequence[Sequence[str]], names: int) -> str:
    """A Markdown table; the first ``names`` columns are left-aligned, figures right-aligned."""
    widths = [max(3, *(len(line[i]) for line in [header, *lines])) for i in range(len(header))]

    def render(cells: Sequence[str]) -> str:
        padded = zip(cells, widths, strict=True)
        sides = [
            cell.ljust(width) if i < names else cell.rjust(width)
            for i, (cell, width) in enumerate(padded)
        ]
        return "| " + " | ".join(sides) + " |"

    rule = ["-" * w if i < names else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join(map(render, [header, rule, *lines])) + "\n"


# A ratio of two figures is meaningful only if these columns agree.
_COMPARABLE = {
    "latency_p50_ms": ("device_name", "latency_threads"),
    "throughput_samples_per_s": ("device_name", "latency_threads", "throughput_batch_size"),
    "gpu_inference_peak_bytes": ("device_name", "gpu_memory_batch_size"),
    "inference_energy_j": (
        "device_name",
        "inference_energy_method",
        "inference_energy_batch_size",
    ),
    "single_inference_energy_j": ("device_name", "single_inference_energy_method"),
    "job_energy_j": ("device_name", "job_energy_method"),
    "job_duration_s": ("device_name",),
}


def _ratio(name: str, row: Mapping, baseline: Mapping) -> float | None:
    value, reference = row.get(name), baseline.get(name)
    if value is None or not reference:
        return None
    if any(row[key] != baseline[key] for key in _COMPARABLE.get(name, ())):
        return None
    return value / reference


def _names(row: Mapping) -> list[str]:
    return [row["dataset"], str(row["seed"]), row["run"]]


def _figures(row: Mapping) -> list[str]:
    if row["task"] == "classification":
        quality = f"{100 * row['test_accuracy']:.2f} %"
    else:
        quality = _mae(row, row["test_mae"])
    joules = row["inference_energy_j"]
    return [
        quality,
        _told(row),
        _with_ratio(f"{row['parameters']:,}", row["parameters_ratio"]),
        _with_ratio(f"{row['nonzero_parameters']:,}", row["nonzero_parameters_ratio"]),
        "-" if row["macs"] is None else _with_ratio(f"{row['macs']:,}", row["macs_ratio"]),
        _with_ratio(_kilobytes(row["weights_gzip_bytes"]), row["weights_gzip_bytes_ratio"]),
        _with_ratio(
            _kilobytes(row["calculated_memory_bytes"]), row["calculated_memory_bytes_ratio"]
        ),
        _with_ratio(f"{row['latency_p50_ms']:.3f} ms", row["latency_p50_ms_ratio"]),
        _tflite_latency(row),
        int8_change_text(row),
        *(_size(row.get(f"tflite_int8_{name}bytes")) for name in ("", "arena_")),
        "not measured" if joules is None else f"{joules:.3g}",
        *_costs(row),
    ]


def _costs(row: Mapping) -> list[str]:
    epochs, duration_s = row.get("total_epochs"), row.get("total_duration_s")
    return ["-" if value is None else f"{value:,.0f}" for value in (epochs, duration_s)]


def _told(row: Mapping) -> str:
    """The change relative to the baseline with its interval, or that none can be shown."""
    if row.get("differs_from_baseline") is None:
        return "-"
    if row["task"] == "classification":
        names = [f"accuracy_change_{end}points" for end in ("", "low_", "high_")]
        change, low, high = (f"{row[name]:+.2f}" for name in names)
    else:
        change, low, high = (f"{row[f'mae_change{end}']:+.3g}" for end in ("", "_low", "_high"))
    text = f"{change} ({low} to {high})"
    return text if row["differs_from_baseline"] else f"{text}, can't be told apart"


def _tflite_latency(row: Mapping) -> str:
    latency_ms = row["tflite_latency_p50_ms"]
    if latency_ms is None:
        return "-"
    return _with_ratio(f"{1000 * latency_ms:.1f} us", row.get("tflite_latency_ratio"))


def _size(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else _kilobytes(size_bytes)


def _kilobytes(size_bytes: int) -> str:
    return f"{size_bytes / 1000:.1f} kB"


def _with_ratio(figure: str, ratio: float | None) -> str:
    return figure if ratio is None else f"{figure} ({ratio:.2f})"
