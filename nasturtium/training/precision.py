"""Training in bfloat16 where it is faster; weights are stored and evaluated in float32."""

import functools
import logging
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

logger = logging.getLogger(__name__)

FLOAT32, MIXED = "float32", "mixed_bfloat16"
# Layers that may be faster in bfloat16; dense layers were not.
_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.SeparableConv2D)
# Other layers that are computed in it: those between convolutions.
_BETWEEN = (
    *(keras.layers.BatchNormalization, keras.layers.ReLU, keras.layers.Add),
    *(keras.layers.Activation, keras.layers.MaxPooling2D, keras.layers.DepthwiseConv2D),
    *(keras.layers.Dropout, keras.layers.AveragePooling2D),
)
# Compiling two steps and timing them takes about ten seconds.
_LEAST_STEPS = 3000
_TIMED_STEPS, _LEAST_GAIN = 12, 1.2


def choose(model: keras.Model, features: np.ndarray, setting: str, steps: int) -> str:
    """``float32`` or ``mixed_bfloat16``: the precision to train ``model`` for ``steps`` steps.

    Parameters
    ----------
    features
        One batch of raw samples.
    setting
        ``float32``, ``mixed``, or ``auto``, which times both on this machine if it may help.
    """
    if setting != "auto":
        return MIXED if setting == "mixed" else FLOAT32
    may_gain = any(isinstance(layer, _CONVOLUTIONS) for layer in model.layers)
    if steps < _LEAST_STEPS or not may_gain or not _has_bfloat16():
        return FLOAT32
    gain = _measured_gain(model, features)
    logger.info("bfloat16 processes %.2f times as many samples per second as float32.", gain)
    return MIXED if gain >= _LEAST_GAIN else FLOAT32


def in_mixed_precision(model: keras.Model) -> keras.Model:
    """A copy with the same weights whose convolutions compute in bfloat16.

    The frame, encodings and everything from the last layer with weights on stay in float32.
    """
    last = max(
        (place for place, layer in enumerate(model.layers) if layer.weights),
        default=len(model.layers),
    )
    body = {
        layer.name
        for layer in model.layers[:last]
        if isinstance(layer, (*_CONVOLUTIONS, *_BETWEEN)) and len(layer.output_shape) > 2
    }

    def cast(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in body:
            config["dtype"] = MIXED
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=cast)
    copy.set_weights(model.get_weights())
    return copy


@functools.cache
def _has_bfloat16() -> bool:
    """Whether the processor has instructions for it; a GPU is timed in any case."""
    if tf.config.list_physical_devices("GPU"):
        return True
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _measured_gain(model: keras.Model, features: np.ndarray) -> float:
    """Speed in bfloat16 relative to float32, from the fastest of alternating steps.

    The fastest step is least disturbed by other work on the machine.
    """
    nets = {FLOAT32: keras.models.clone_model(model), MIXED: in_mixed_precision(model)}
    targets = np.zeros((len(features), *model.output_shape[1:]), np.float32)
    times: dict[str, list[float]] = {name: [] for name in nets}
    for net in nets.values():
        net.compile(keras.optimizers.SGD(0.0), "mse")
        for _ in range(2):
            net.train_on_batch(features, targets)
    for _ in range(_TIMED_STEPS):
        for name, net in nets.items():
            start_s = time.perf_counter()
            net.train_on_batch(features, targets)
            times[name].append(time.perf_counter() - start_s)
    return min(times[FLOAT32]) / min(times[MIXED])
