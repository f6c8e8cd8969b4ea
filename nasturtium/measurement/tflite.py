"""The model as it would be deployed: TFLite files, and their latency on one CPU thread."""

import gzip
import time
import warnings

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tensorflow.lite.python.convert import ConverterError

_KINDS = ("tflite", "tflite_int8")


def measure_tflite(model: keras.Model, warm_up_runs: int, runs: int) -> dict[str, object]:
    """Bytes and latency of both TFLite forms, in the columns of ``metrics.parquet``.

    ``tflite`` has float32 weights, ``tflite_int8`` weights of one byte with a scale an output
    channel (dynamic-range quantisation). What a form can't be converted to or run as is null, and
    ``tflite_reason`` says why.
    """
    columns: dict[str, object] = {"tflite_threads": 1, "tflite_reason": None}
    for kind in _KINDS:
        names = [f"{kind}_{figure}" for figure in ("bytes", "gzip_bytes", "latency_p50_ms")]
        columns.update(dict.fromkeys([*names, f"{kind}_latency_p95_ms"]))
        try:
            content = convert(model, int8=kind == "tflite_int8")
            columns[f"{kind}_bytes"] = len(content)
            columns[f"{kind}_gzip_bytes"] = len(gzip.compress(content, compresslevel=9, mtime=0))
            times_ms = Interpreter(content).times_ms(warm_up_runs, runs)
        except (ConverterError, ValueError, RuntimeError) as error:
            first = str(error).strip().splitlines()[0][:200]
            columns["tflite_reason"] = f"{kind}: {type(error).__name__}: {first}"
            continue
        p50_ms, p95_ms = np.percentile(times_ms, [50, 95])
        columns[f"{kind}_latency_p50_ms"] = float(p50_ms)
        columns[f"{kind}_latency_p95_ms"] = float(p95_ms)
    return columns


def convert(model: keras.Model, *, int8: bool) -> bytes:
    """``model`` as a TFLite file, its batch fixed to 1."""
    # A copy: where TensorFlow fails on its way and takes another, it leaves the layers of what it
    # was given wrapped, and one with Dropout can't be called any more.
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    # A concrete function of batch 1: with an open batch size XNNPACK leaves some layers alone.
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    call = tf.function(lambda samples: copy(samples, training=False))
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [call.get_concrete_function(signature)], copy
    )
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


class Interpreter:
    """A TFLite file, ready to run on one thread with the default delegate (XNNPACK)."""

    def __init__(self, content: bytes):
        with warnings.catch_warnings():
            # It recommends a package of its own for what this TensorFlow still brings along.
            warnings.simplefilter("ignore", UserWarning)
            self._interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        drawn = np.random.default_rng(0).random(self._input["shape"])
        self._interpreter.set_tensor(self._input["index"], drawn.astype(np.float32))

    def predict(self, sample: np.ndarray) -> np.ndarray:
        """The first output for one sample of shape (1, \\*input_shape)."""
        self._interpreter.set_tensor(self._input["index"], np.asarray(sample, np.float32))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._interpreter.get_output_details()[0]["index"])

    def times_ms(self, warm_up_runs: int, runs: int) -> np.ndarray:
        """Milliseconds of each of ``runs`` calls, without the copies in and out."""
        for _ in range(warm_up_runs):
            self._interpreter.invoke()
        times_ns = np.empty(runs, np.int64)
        for run in range(runs):
            start_ns = time.perf_counter_ns()
            self._interpreter.invoke()
            times_ns[run] = time.perf_counter_ns() - start_ns
        return times_ns / 1e6
