"""Figures of the files for use elsewhere, as tables and figures show them."""

from collections.abc import Mapping

from nasturtium.report.html import Cell, figure

HEADER = (
    "TFLite p50 (µs)",
    "int8 p50 (µs)",
    "int8 accuracy (%)",
    "int8 MAE",
    "change by int8 (points or MAE)",
    "int8 flash (kB)",
    "int8 RAM (kB)",
)


def cells(row: Mapping) -> list[Cell]:
    """Cells under ``HEADER``."""
    no_file = row["tflite_int8_reason"]
    accuracy = row["tflite_int8_accuracy"]
    change = int8_change(row)
    return [
        figure(_times(row["tflite_latency_p50_ms"], 1000), ".1f", row["tflite_reason"]),
        figure(_times(row["tflite_int8_latency_p50_ms"], 1000), ".1f", no_file),
        figure(_times(accuracy, 100), ".2f", no_file),
        figure(row["tflite_int8_mae"], ".4g", no_file),
        Cell(None, reason=no_file) if change is None else Cell(change, int8_change_text(row)),
        figure(_times(row["tflite_int8_bytes"], 1e-3), ",.1f", no_file),
        figure(
            _times(row["tflite_int8_arena_bytes"], 1e-3), ",.1f", row["tflite_int8_arena_reason"]
        ),
    ]


def int8_error(row: Mapping) -> float | None:
    """Test error of the int8 file: in percent, or its MAE in the target's unit."""
    if row["task"] == "classification":
        accuracy = row.get("tflite_int8_accuracy")
        return None if accuracy is None else 100 * (1 - accuracy)
    return row.get("tflite_int8_mae")


def int8_change(row: Mapping) -> float | None:
    """The change by int8: of accuracy in points, or of MAE in the target's unit."""
    return row.get(f"tflite_int8_{_change(row)}")


def int8_change_text(row: Mapping) -> str:
    """The same with its 95 % interval, or a dash."""
    change = int8_change(row)
    if change is None:
        return "-"
    name, form = _change(row), "+.2f" if row["task"] == "classification" else "+.3g"
    low, high = (
        row.get(f"tflite_int8_{name.replace('change', f'change_{end}')}") for end in ("low", "high")
    )
    ends = "" if low is None or high is None else f" ({low:{form}} to {high:{form}})"
    return f"{change:{form}}{ends}"


def _change(row: Mapping) -> str:
    return "accuracy_change_points" if row["task"] == "classification" else "mae_change"


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value
