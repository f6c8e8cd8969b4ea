"""What the files for use elsewhere are worth: quality on the test split, bytes, latency, RAM."""

from collections.abc import Mapping

import numpy as np
import tf_keras as keras

from nasturtium.data.splits import Split
from nasturtium.deployment.convert import convert_full_integer, predict_full_integer
from nasturtium.deployment.micro import measure_arena
from nasturtium.measurement.quality import measure_quality
from nasturtium.measurement.tflite import (
    REFUSED,
    Interpreter,
    convert,
    file_columns,
    refused_columns,
)


def measure_deployed(
    model: keras.Model,
    training_samples: np.ndarray,
    test: Split,
    classes: int | None,
    measure: Mapping,
) -> dict[str, object]:
    """The full-integer file's columns of ``metrics.parquet``, and both files' quality and RAM.

    Parameters
    ----------
    training_samples
        Raw samples to calibrate by, shape (samples, \\*input_shape).
    test
        The test split: its quality is that of the files, through TFLite's interpreter.
    classes
        Number of classes, or None for a regression.
    measure
        Section ``measure`` of the settings.
    """
    columns: dict[str, object] = {}
    try:
        content = convert(model)
        outputs = Interpreter(content).predict_all(test.features)
        columns.update(_quality("tflite", outputs, test.targets, classes))
        columns.update(_arena("tflite", content))
    except REFUSED as error:
        columns["tflite_arena_reason"] = f"{type(error).__name__}: no TFLite file"
    try:
        content, bare = convert_full_integer(model, training_samples)
        runs = (measure["warm_up_runs"], measure["latency_runs"])
        outputs = predict_full_integer(content, bare, test.features)
        columns.update(
            {
                **file_columns("tflite_int8", content, *runs),
                "tflite_int8_tensors": Interpreter(content).int8_tensors,
                **_quality("tflite_int8", outputs, test.targets, classes),
                **_arena("tflite_int8", content),
            }
        )
    except REFUSED as error:
        columns.update(refused_columns("tflite_int8", error))
        columns["tflite_int8_arena_reason"] = "there is no full-integer file"
    return columns


def _quality(
    name: str, outputs: np.ndarray, targets: np.ndarray, classes: int | None
) -> dict[str, float]:
    figure = "mae" if classes is None else "accuracy"
    figures = measure_quality(np.asarray(outputs, np.float64), targets, classes)
    return {f"{name}_{figure}": figures[f"test_{figure}"]}


def _arena(name: str, content: bytes) -> dict[str, object]:
    arena_bytes, reason = measure_arena(content)
    return {f"{name}_arena_bytes": arena_bytes, f"{name}_arena_reason": reason}
