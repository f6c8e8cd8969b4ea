"""What the objective needs to know of a trained model: the baseline's reference, or a trial's."""

import os
from collections.abc import Mapping

import tf_keras as keras

from nasturtium.measurement.activations import peak_activation_bytes
from nasturtium.measurement.gpu_memory import measure_gpu_memory_apart
from nasturtium.measurement.latency import measure_latency
from nasturtium.measurement.macs import count_macs
from nasturtium.measurement.size import weight_bytes
from nasturtium.models.weights import count_weights

_WARM_UP_RUNS = 20


def measure_candidate(
    model: keras.Model, path: str | os.PathLike, settings: Mapping
) -> dict[str, object]:
    """Size, memory and latency of a saved model, in the columns of ``trials.parquet``.

    Parameters
    ----------
    model, path
        A model and the file that holds it.
    settings
        ``latency_runs`` of the search; a large batch is not timed here.
    """
    counts = count_weights(model)
    macs, macs_reason = count_macs(model)
    weights_bytes, activation_bytes = weight_bytes(model), peak_activation_bytes(model)
    memory = measure_gpu_memory_apart(path, batch_size=1)
    latency = measure_latency(model, warm_up_runs=_WARM_UP_RUNS, runs=settings["latency_runs"])
    return {
        "parameters": counts.parameters,
        "nonzero_parameters": counts.nonzero,
        "prunable_parameters": counts.prunable,
        "sparsity": counts.sparsity,
        "macs": macs,
        "macs_reason": macs_reason,
        "weights_bytes": weights_bytes,
        "peak_activation_bytes": activation_bytes,
        "calculated_memory_bytes": weights_bytes + activation_bytes,
        "gpu_weights_bytes": memory["gpu_weights_bytes"],
        "gpu_inference_peak_bytes": memory["gpu_inference_peak_bytes"],
        "gpu_memory_method": memory["gpu_memory_method"],
        "gpu_memory_reason": memory["gpu_memory_reason"],
        "latency_p50_ms": latency["latency_p50_ms"],
        "latency_p95_ms": latency["latency_p95_ms"],
    }
