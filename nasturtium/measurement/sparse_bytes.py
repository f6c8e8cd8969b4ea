"""Calculates what the zeros of a net would save in a sparse file format."""

import math

import numpy as np
import tf_keras as keras

from nasturtium.models.weights import prunable_kernels


def sparse_bytes(model: keras.Model) -> dict[str, int]:
    """Bytes of all weights, with prunable kernels in a sparse form and all others dense.

    Each kernel is a matrix of (everything else, output channels). CSR keeps the values, a column
    index for each (two bytes up to 65,536 columns, otherwise four) and the rows' starts (four bytes
    each); the bitmask keeps the values and one bit for each position.
    """
    kernels = list(prunable_kernels(model).values())
    dense = sum(value.nbytes for value in model.get_weights())
    dense -= sum(kernel.nbytes for kernel in kernels)
    return {
        "weights_csr_bytes": dense + sum(map(_csr_bytes, kernels)),
        "weights_bitmask_bytes": dense + sum(map(_bitmask_bytes, kernels)),
    }


def _csr_bytes(kernel: np.ndarray) -> int:
    columns = kernel.shape[-1]
    index = 2 if columns <= 2**16 else 4
    rows = kernel.size // columns
    return int(np.count_nonzero(kernel)) * (kernel.itemsize + index) + 4 * (rows + 1)


def _bitmask_bytes(kernel: np.ndarray) -> int:
    return int(np.count_nonzero(kernel)) * kernel.itemsize + math.ceil(kernel.size / 8)
