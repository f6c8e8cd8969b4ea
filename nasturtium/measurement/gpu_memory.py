"""GPU memory of one saved model, read from TensorFlow's allocator in a process without data."""

import gc
import os

from nasturtium.models.files import load_model

NO_GPU = "no GPU: TensorFlow's allocator statistics of a CPU are misleading and are not used"


def measure_gpu_memory(path: str | os.PathLike, batch_size: int) -> dict[str, int | str | None]:
    """Bytes that the model's weights, and its peak at inference, take on the GPU.

    Call it before anything else of the process lies on the GPU. ``gpu_weights_bytes`` is what
    loading the model adds; ``gpu_inference_peak_bytes`` the peak over one warmed-up forward pass
    of ``batch_size`` samples, both above what was in use before the model was loaded. The
    allocator rounds each tensor up to 256 bytes at least.

    On a machine without a GPU both are None, with the reason: ``get_memory_info('CPU:0')`` does
    not raise there, but returns numbers that leave out small tensors.
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
    # The context and its libraries come first, so that they don't count as the model's.
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
