"""Reads a Python batch of CIFAR-10, which is a pickle, without running any code in it."""

import io
import pickle
from collections.abc import Callable

import numpy as np

from nasturtium.errors import DataError

_PIXELS = 3 * 32 * 32


def read_python_batch(content: bytes, where: str) -> np.ndarray:
    """Records of shape (samples, 3073), uint8: the label, then the pixels.

    Parameters
    ----------
    where
        Name of the batch in an error.

    Raises
    ------
    DataError
        Not such a pickle, or it asks for anything but a NumPy array of bytes.
    """
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    # Nothing documents the errors that pickle raises on broken bytes. These were seen in fuzzing.
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        ImportError,
        OverflowError,
        MemoryError,
        RecursionError,
    ) as error:
        raise DataError(
            f"{where}: is not a batch of CIFAR-10 ({type(error).__name__}); put the published file "
            "in its place."
        ) from error
    return _records(batch, where)


def _records(batch: object, where: str) -> np.ndarray:
    broken = DataError(
        f"{where}: has no 'data' of shape (samples, {_PIXELS}) in bytes with a label for each "
        "sample; put the published file in its place."
    )
    if not isinstance(batch, dict):
        raise broken
    data, labels = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8:
        raise broken
    if data.ndim != 2 or data.shape[1] != _PIXELS:
        raise broken
    if not isinstance(labels, list) or len(labels) != len(data):
        raise broken
    if not all(type(label) is int and 0 <= label <= 255 for label in labels):
        raise broken
    return np.concatenate([np.array(labels, np.uint8)[:, np.newaxis], data], axis=1)


class _Unpickler(pickle.Unpickler):
    """Allows only what the published batches need: NumPy arrays of bytes, and no other code."""

    def find_class(self, module: str, name: str) -> Callable:
        # NumPy for Python 2 wrote the first name; later versions write the second.
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _reconstruct
        if (module, name) == ("numpy", "ndarray"):
            return _ArrayType
        if (module, name) == ("numpy", "dtype"):
            return _byte_type
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        raise DataError(
            f"its pickle asks for {module}.{name}, which the format does not need, so none of it "
            "was run; put the published file in its place."
        )


class _ArrayType:
    """Stands for numpy.ndarray, which the pickle refers to."""


class _Bytes(np.ndarray):
    """An array that accepts bytes only. NumPy's own would accept any dtype and any pickle."""

    def __setstate__(self, state):
        version, shape, dtype, fortran, content = state
        if not isinstance(dtype, _ByteType) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array of something other than bytes")
        if len(content) != int(np.prod(shape, dtype=np.int64)):
            raise pickle.UnpicklingError("an array whose size does not fit its shape")
        super().__setstate__((version, tuple(shape), np.dtype(np.uint8), bool(fortran), content))


class _ByteType:
    """Stands for the dtype uint8. Its state (byte order, ...) does not matter."""

    def __setstate__(self, state):
        pass


def _byte_type(name, align=False, copy=False) -> _ByteType:
    if name not in ("u1", b"u1"):
        raise pickle.UnpicklingError(f"an array of {name!r}, not of bytes")
    return _ByteType()


def _reconstruct(subtype, shape, kind) -> _Bytes:
    if subtype is not _ArrayType or shape != (0,):
        raise pickle.UnpicklingError("an array that NumPy did not write")
    return np.ndarray.__new__(_Bytes, (0,), np.uint8)


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")
