"""The size of a model: parameters, non-zeros and bytes."""

import gzip
import os
from pathlib import Path

import tf_keras as keras

from nasturtium.models.weights import count_weights


def weight_bytes(model: keras.Model) -> int:
    """Bytes of all weights with their own dtypes, as stored in memory."""
    return sum(value.nbytes for value in model.get_weights())


def measure_size(model: keras.Model, path: str | os.PathLike) -> dict[str, int | float | None]:
    """Counts of weights and sizes in bytes, in the columns of ``metrics.parquet``.

    Zeros affect only the gzip sizes: a dense tensor takes the same memory with any values.

    Parameters
    ----------
    path
        The model's ``.keras`` file.
    """
    counts = count_weights(model)
    weights = b"".join(value.tobytes() for value in model.get_weights())
    file = Path(path).read_bytes()
    return {
        "parameters": counts.parameters,
        "trainable_parameters": counts.trainable,
        "nonzero_parameters": counts.nonzero,
        "prunable_parameters": counts.prunable,
        "nonzero_prunable_parameters": counts.nonzero_prunable,
        "sparsity": counts.sparsity,
        "weights_gzip_bytes": _gzip_bytes(weights),
        "keras_bytes": len(file),
        "keras_gzip_bytes": _gzip_bytes(file),
    }


def _gzip_bytes(content: bytes) -> int:
    return len(gzip.compress(content, compresslevel=9, mtime=0))
