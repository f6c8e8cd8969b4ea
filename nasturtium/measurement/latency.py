"""Latency at batch 1 and throughput at a large batch, through a concrete function."""

import time
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tf_keras as keras


def inference_function(model: keras.Model, batch_size: int):
    """The model in inference mode as a concrete ``tf.function`` of one batch of float32 samples.

    ``predict`` costs tens of milliseconds a call whatever the model, and would hide it.
    """
    signature = tf.TensorSpec((batch_size, *model.input_shape[1:]), tf.float32)
    call = tf.function(lambda samples: model(samples, training=False))
    return call.get_concrete_function(signature)


def measure_latency(model: keras.Model, settings: Mapping) -> dict[str, float | int]:
    """Percentiles of single calls, and samples a second in large batches.

    Each call is timed by itself and ends with its result on the host. Inputs are random; no layer
    here takes another time for other values.

    Parameters
    ----------
    settings
        ``warm_up_runs``, ``latency_runs`` and ``throughput_batch_size``.
    """
    runs = settings["latency_runs"]
    single_ms = _times_ms(model, 1, settings["warm_up_runs"], runs)
    batch_size = settings["throughput_batch_size"]
    batch_ms = _times_ms(model, batch_size, 3, max(5, runs // 20))
    p50_ms, p95_ms = np.percentile(single_ms, [50, 95])
    return {
        "latency_p50_ms": float(p50_ms),
        "latency_p95_ms": float(p95_ms),
        "latency_runs": runs,
        "throughput_samples_per_s": float(batch_size / (np.median(batch_ms) / 1000)),
        "throughput_batch_size": batch_size,
        "latency_threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }


def _times_ms(model: keras.Model, batch_size: int, warm_up: int, runs: int) -> np.ndarray:
    call = inference_function(model, batch_size)
    batch = tf.random.stateless_uniform((batch_size, *model.input_shape[1:]), seed=(0, 0))
    for _ in range(warm_up):
        call(batch)
    times_ns = np.empty(runs, np.int64)
    for run in range(runs):
        start_ns = time.perf_counter_ns()
        # The copy to the host waits for the device.
        tf.nest.flatten(call(batch))[0].numpy()
        times_ns[run] = time.perf_counter_ns() - start_ns
    return times_ns / 1e6
