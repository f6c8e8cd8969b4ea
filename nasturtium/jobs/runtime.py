"""How TensorFlow runs in this process: threads, GPU memory, determinism."""

import os
import platform
from functools import cache
from pathlib import Path

# The processor's features by which TensorFlow and oneDNN choose kernels, as Linux names them: other
# vector widths add up in another order.
_INSTRUCTIONS = (
    *("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("avx_vnni", "amx_bf16", "amx_int8", "asimd", "asimddp", "sve", "i8mm", "bf16"),
)
_NARROWER = "ONEDNN_MAX_CPU_ISA"


def configure(threads: int) -> None:
    """Set up TensorFlow before its first operation.

    On a CPU, operations are made deterministic: the same machine and seed give the same result. A
    GPU keeps its faster kernels, and allocates memory as needed instead of all at once.

    Parameters
    ----------
    threads
        Threads of one operation; the number of cores that Snakemake gives to the job.
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


def arithmetic() -> dict[str, object]:
    """What the bits of a result depend on besides code, data, settings, seed and versions.

    Returns
    -------
    ``threads`` of one operation; whether ``onednn`` is used; the processor's ``instruction_set``,
    None if it is not known; ``precision`` of layers, and of products on a GPU.
    """
    import tensorflow as tf
    import tf_keras as keras

    # TensorFlow decides this by the environment and the processor, and has no public function for
    # it.
    from tensorflow.python.util import _pywrap_util_port as built

    precision = keras.mixed_precision.global_policy().name
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if on_gpu and tf.config.experimental.tensor_float_32_execution_enabled():
        precision += ", products in TF32"
    return {
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "onednn": bool(built.IsMklEnabled()),
        "instruction_set": _instruction_set(),
        "precision": precision,
    }


@cache
def _instruction_set() -> str | None:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return None
    flags: set[str] = set()
    for line in info.read_text(encoding="utf-8").splitlines():
        name, _, values = line.partition(":")
        if name.strip() in ("flags", "Features"):
            flags = set(values.split())
            break
    found = [platform.machine(), *(name for name in _INSTRUCTIONS if name in flags)]
    if limit := os.environ.get(_NARROWER):
        found.append(f"oneDNN at most {limit}")
    return " ".join(found)
