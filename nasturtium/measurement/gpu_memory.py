"""GPU memory of one saved model, read from TensorFlow's allocator in a process without data."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import nasturtium
from nasturtium.errors import MeasurementError
from nasturtium.models.files import load_model

NO_GPU = "no GPU: TensorFlow's memory statistics for a CPU are misleading and are not used"


def measure_gpu_memory(path: str | os.PathLike, batch_size: int) -> dict[str, int | str | None]:
    """Bytes of the model's weights, and of its peak at inference, on the GPU.

    Call it before the process puts anything else on the GPU. ``gpu_weights_bytes`` is what loading
    the model adds; ``gpu_inference_peak_bytes`` is the peak during one warmed-up forward pass of
    ``batch_size`` samples. Both are relative to the use before the model was loaded. The allocator
    rounds each tensor up to at least 256 bytes.

    On a machine without a GPU both are None, with the reason: ``get_memory_info('CPU:0')`` does not
    raise there, but returns numbers that omit small tensors.
    """
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return {
            "gpu_weights_bytes": None,
            "gpu_inference_peak_bytes": None,
            "gpu_memory_batch_size": None,
            "gpu_memory_method": "none",
            "gpu_memory_reason": NO_GPU,
        }
    # The context and its libraries are loaded first, so that they do not count.
    with tf.device("GPU:0"):
        tf.linalg.matmul(tf.ones((8, 8)), tf.ones((8, 8))).numpy()
    gc.collect()
    before = tf.config.experimental.get_memory_info("GPU:0")["current"]
    model = load_model(path)
    after = tf.config.experimental.get_memory_info("GPU:0")["current"]
    batch = tf.zeros((batch_size, *model.input_shape[1:]))
    call = tf.function(lambda samples: model(samples, training=False))
    for _ in range(2):
        call(batch).numpy()
    gc.collect()
    tf.config.experimental.reset_memory_stats("GPU:0")
    call(batch).numpy()
    peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return {
        "gpu_weights_bytes": after - before,
        "gpu_inference_peak_bytes": peak - before,
        "gpu_memory_batch_size": batch_size,
        "gpu_memory_method": "tf_allocator",
        "gpu_memory_reason": None,
    }


def measure_gpu_memory_apart(path: str | os.PathLike, batch_size: int) -> dict:
    """:func:`measure_gpu_memory` in a process of its own, for callers that hold data or models.

    Raises
    ------
    MeasurementError
        The process failed.
    """
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return measure_gpu_memory(path, batch_size)
    root = str(Path(nasturtium.__file__).parent.parent)
    command = [sys.executable, "-m", __name__, os.fspath(path), str(batch_size)]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise MeasurementError(f"{path}: its GPU memory could not be measured: {last_line}.")
    return json.loads(done.stdout.splitlines()[-1])


def _main() -> None:
    from nasturtium.jobs import runtime

    runtime.configure(threads=1)
    sys.stdout.write(json.dumps(measure_gpu_memory(sys.argv[1], int(sys.argv[2]))) + "\n")


if __name__ == "__main__":
    _main()
