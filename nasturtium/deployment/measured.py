"""Measures the files for use elsewhere: quality on the test split, bytes, latency, RAM."""

import hashlib
from collections.abc import Mapping

import numpy as np
import tf_keras as keras

from nasturtium.data.splits import Split
from nasturtium.deployment.convert import convert_full_integer, predict_full_integer
from nasturtium.deployment.micro import run_micro
from nasturtium.measurement.quality import measure_quality
from nasturtium.measurement.tflite import REFUSED, convert, file_columns, refused_columns
from nasturtium.models.lite import Interpreter
from nasturtium.statistics.intervals import accuracy_difference, mean_difference

# Number of samples on which TensorFlow Lite Micro and TFLite's reference kernels are compared.
_COMPARED = 50


def measure_deployed(
    model: keras.Model,
    training_samples: np.ndarray,
    test: Split,
    outputs: np.ndarray,
    classes: int | None,
    measure: Mapping,
    files: dict[str, bytes],
) -> tuple[dict[str, object], np.ndarray | None]:
    """The full-integer file's columns of ``metrics.parquet``, and both files' quality and RAM.

    Parameters
    ----------
    training_samples
        Raw samples for the calibration, shape (samples, \\*input_shape).
    test
        The test split, on which TFLite's interpreter runs the files.
    outputs
        The model's own outputs for it, for comparison.
    classes
        Number of classes, or None for a regression.
    measure
        Section ``measure`` of the settings.
    files
        Each file is added to it, by the prefix of its columns; a float32 file that it already
        contains is not made again.

    Returns
    -------
    The columns, and the int8 file's outputs for the test split, shape (samples, outputs), in the
    target's unit; None if there is no such file.
    """
    columns: dict[str, object] = {}
    try:
        if "tflite" not in files:
            files["tflite"] = convert(model)
        content = files["tflite"]
        float_outputs = Interpreter(content).predict_all(test.features)
        columns.update(_quality("tflite", float_outputs, outputs, test.targets, classes))
        columns.update(_micro("tflite", content, test.features[:_COMPARED]))
    except REFUSED as error:
        columns["tflite_arena_reason"] = f"{type(error).__name__}: no TFLite file"
    try:
        content, bare = convert_full_integer(model, training_samples)
        files["tflite_int8"] = content
        runs = (measure["warm_up_runs"], measure["latency_runs"])
        int8_outputs = predict_full_integer(content, bare, test.features)
        columns.update(
            {
                **file_columns("tflite_int8", content, *runs),
                "tflite_int8_tensors": Interpreter(content).int8_tensors,
                **_quality("tflite_int8", int8_outputs, outputs, test.targets, classes),
                **_micro("tflite_int8", content, bare.standardise(test.features[:_COMPARED])),
            }
        )
    except REFUSED as error:
        columns.update(refused_columns("tflite_int8", error))
        columns["tflite_int8_arena_reason"] = "there is no full-integer file"
        return columns, None
    return columns, int8_outputs


def _quality(
    name: str,
    outputs: np.ndarray,
    of_model: np.ndarray,
    targets: np.ndarray,
    classes: int | None,
) -> dict[str, float | None]:
    """Accuracy or MAE of a file, and the interval of its difference to the model's."""
    outputs = np.asarray(outputs, np.float64)
    if classes is None:
        errors = [np.abs(found[:, 0] - targets) for found in (outputs, of_model)]
        change = mean_difference(*errors)
        low, high = (None if np.isinf(end) else end for end in (change.low, change.high))
        figure, unit, factor = "mae", "", 1
    else:
        right = [found.argmax(axis=1) == targets for found in (outputs, of_model)]
        change = accuracy_difference(*right)
        low, high, figure, unit, factor = change.low, change.high, "accuracy", "_points", 100
    figures = measure_quality(outputs, targets, classes)
    ends = {"": change.estimate, "_low": low, "_high": high}
    return {f"{name}_{figure}": figures[f"test_{figure}"]} | {
        f"{name}_{figure}_change{end}{unit}": None if value is None else factor * value
        for end, value in ends.items()
    }


def _micro(name: str, content: bytes, samples: np.ndarray) -> dict[str, object]:
    """The results of TensorFlow Lite Micro for a file, and the file's checksum."""
    ran = run_micro(content, np.asarray(samples, np.float32))
    return {
        f"{name}_sha256": hashlib.sha256(content).hexdigest(),
        f"{name}_arena_bytes": ran.arena_bytes,
        f"{name}_arena_reason": ran.reason,
        f"{name}_micro_difference": ran.largest_difference,
    }
