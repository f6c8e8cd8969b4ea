"""How TensorFlow runs in this process: threads, GPU memory, determinism."""

import os


def configure(threads: int) -> None:
    """Set up TensorFlow before its first operation.

    On a CPU, operations are made deterministic: same machine, same seed, same result. A GPU keeps
    its faster kernels, and takes memory as it is needed instead of all at once.

    Parameters
    ----------
    threads
        Threads of one operation; Snakemake hands out this many cores.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        tf.config.experimental.enable_op_determinism()


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow."""
    import tf_keras as keras

    keras.utils.set_random_seed(seed)
