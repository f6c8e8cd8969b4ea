"""The model as it would be deployed: TFLite files, and their latency on one CPU thread."""

import gzip

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tensorflow.lite.python.convert import ConverterError

from nasturtium.models.lite import Interpreter


def measure_tflite(
    model: keras.Model, warm_up_runs: int, runs: int, files: dict[str, bytes] | None = None
) -> dict[str, object]:
    """Bytes and latency of two TFLite forms, in the columns of ``metrics.parquet``.

    ``tflite`` has float32 weights, ``tflite_dynamic`` int8 weights and float32 activations
    (dynamic-range quantisation; the converter leaves small tensors in float32). If a net can't be
    converted or run in a form, its columns are null, and ``tflite_reason`` or
    ``tflite_dynamic_reason`` says why. The full-integer form needs samples:
    :mod:`nasturtium.deployment`.

    Parameters
    ----------
    files
        The float32 file is added to it as ``tflite``, if there is one.
    """
    columns: dict[str, object] = {"tflite_threads": 1}
    for name, dynamic in (("tflite", False), ("tflite_dynamic", True)):
        try:
            content = convert(model, dynamic=dynamic)
            if files is not None and not dynamic:
                files[name] = content
            if dynamic and Interpreter(content).int8_tensors == 0:
                raise ValueError("no tensor is int8, since the converter keeps small ones float32")
            columns.update(file_columns(name, content, warm_up_runs, runs))
        except REFUSED as error:
            columns.update(refused_columns(name, error))
    return columns


# Errors of a converter or interpreter for a net that it does not support.
REFUSED = (ConverterError, ValueError, RuntimeError)
_FIGURES = ("bytes", "gzip_bytes", "latency_p50_ms", "latency_p95_ms")


def file_columns(name: str, content: bytes, warm_up_runs: int, runs: int) -> dict[str, object]:
    """Bytes and latency of a TFLite file, in columns that begin with ``name``."""
    times_ms = Interpreter(content).times_ms(warm_up_runs, runs)
    p50_ms, p95_ms = (float(p) for p in np.percentile(times_ms, [50, 95]))
    gzip_bytes = len(gzip.compress(content, compresslevel=9, mtime=0))
    figures = dict(zip(_FIGURES, (len(content), gzip_bytes, p50_ms, p95_ms), strict=True))
    return {f"{name}_{k}": v for k, v in figures.items()} | {f"{name}_reason": None}


def refused_columns(name: str, error: Exception) -> dict[str, object]:
    """The same columns, null, with what the converter or interpreter said."""
    first = (str(error).strip().splitlines() or [""])[0][:200]
    columns: dict[str, object] = {f"{name}_{figure}": None for figure in _FIGURES}
    return {**columns, f"{name}_reason": f"{type(error).__name__}: {first}"}


def make_converter(model: keras.Model) -> tf.lite.TFLiteConverter:
    """A converter of ``model`` with the batch size fixed to 1; the model is not changed."""
    # A concrete function with batch 1: with an open batch size, XNNPACK does not run some layers.
    signature = tf.TensorSpec((1, *model.input_shape[1:]), model.inputs[0].dtype)
    call = tf.function(lambda samples: model(samples, training=False), autograph=False)
    # The converter saves the object that holds the variables. For a Keras model it would save every
    # layer with its own functions, which takes as long as all the rest and fails with a Dropout.
    held = tf.Module()
    held.variables_of_the_model = model.variables
    return tf.lite.TFLiteConverter.from_concrete_functions(
        [call.get_concrete_function(signature)], held
    )


def convert(model: keras.Model, *, dynamic: bool = False) -> bytes:
    """``model`` as a TFLite file: float32, or with int8 weights by dynamic-range quantisation."""
    converter = make_converter(model)
    if dynamic:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()
