"""Latency at batch 1 and throughput at a large batch, through a concrete function."""

import time

import numpy as np
import tensorflow as tf
import tf_keras as keras

_WARM_UP_BATCHES = 3


def inference_function(model: keras.Model, batch_size: int):
    """The model in inference mode as a concrete ``tf.function`` of one batch of its samples.

    ``predict`` costs tens of milliseconds per call for any model, which would hide the net.
    """
    signature = tf.TensorSpec((batch_size, *model.input_shape[1:]), model.inputs[0].dtype)
    call = tf.function(lambda samples: model(samples, training=False))
    return call.get_concrete_function(signature)


def measure_latency(model: keras.Model, warm_up_runs: int, runs: int) -> dict[str, float | int]:
    """Percentiles over ``runs`` single calls at batch 1, each timed separately.

    A call ends with its result on the host. Inputs are random, since the time of no layer here
    depends on values.
    """
    times_ms = _times_ms(model, 1, warm_up_runs, runs)
    p50_ms, p95_ms = np.percentile(times_ms, [50, 95])
    return {
        "latency_p50_ms": float(p50_ms),
        "latency_p95_ms": float(p95_ms),
        "latency_runs": runs,
        "latency_threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }


def measure_throughput(model: keras.Model, batch_size: int, runs: int) -> dict[str, float | int]:
    """Samples per second in batches of ``batch_size``, from the median of ``runs`` calls."""
    times_ms = _times_ms(model, batch_size, _WARM_UP_BATCHES, runs)
    return {
        "throughput_samples_per_s": float(batch_size / (np.median(times_ms) / 1000)),
        "throughput_batch_size": batch_size,
    }


def random_batch(model: keras.Model, batch_size: int) -> tf.Tensor:
    """Numbers from 0 to 1; for a net that takes tokens, only padding."""
    shape = (batch_size, *model.input_shape[1:])
    return tf.cast(tf.random.stateless_uniform(shape, seed=(0, 0)), model.inputs[0].dtype)


def _times_ms(model: keras.Model, batch_size: int, warm_up: int, runs: int) -> np.ndarray:
    call = inference_function(model, batch_size)
    batch = random_batch(model, batch_size)
    for _ in range(warm_up):
        call(batch)
    times_ns = np.empty(runs, np.int64)
    for run in range(runs):
        start_ns = time.perf_counter_ns()
        # Copying to the host waits for the device.
        tf.nest.flatten(call(batch))[0].numpy()
        times_ns[run] = time.perf_counter_ns() - start_ns
    return times_ns / 1e6
