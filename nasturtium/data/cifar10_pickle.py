"""One Python batch of CIFAR-10: a pickle, read without running what it says."""

import io
import pickle
from collections.abc import Callable

import numpy as np

from nasturtium.errors import DataError

_PIXELS = 3 * 32 * 32


def read_python_batch(content: bytes, where: str) -> np.ndarray:
    """Records of shape (samples, 3073), uint8: each label, then its pixels.

    Parameters
    ----------
    where
        Names the batch in an error.

    Raises
    ------
    DataError
        Not such a pickle, or one that asks for anything but a NumPy array of bytes.
    """
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    # What broken bytes make the machine of pickle raise is not listed anywhere; these are what
    # the fuzzed ones raised.
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
            f"{where}: not a batch of CIFAR-10 ({type(error).__name__}); put the published file "
            "in its place."
        ) from error
    return _records(batch, where)


def _records(batch: object, where: str) -> np.ndarray:
    broken = DataError(
        f"{where}: lacks 'data' of shape (samples, {_PIXELS}) in bytes or a label for each; put "
        "the published file in its place."
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
    """Admits what the published batches name: the making of an array, and nothing that runs."""

    def find_class(self, module: str, name: str) -> Callable:
        # Python 2's NumPy wrote the first; later ones write the second.
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _reconstruct
        if (module, name) == ("numpy", "ndarray"):
            return _ArrayType
        if (module, name) == ("numpy", "dtype"):
            return _byte_type
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        raise DataError(
            f"its pickle asks for {module}.{name}, which the format does not need; nothing of it "
            "was run. Put the published file in its place."
        )


class _ArrayType:
    """Stands for numpy.ndarray, which the pickle only names."""


class _Bytes(np.ndarray):
    """An array whose state may only be bytes: the real one would take any dtype and pickle."""

    def __setstate__(self, state):
        version, shape, dtype, fortran, content = state
        if not isinstance(dtype, _ByteType) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array of something else than bytes")
        if len(content) != int(np.prod(shape, dtype=np.int64)):
            raise pickle.UnpicklingError("an array of another size than its shape says")
        super().__setstate__((version, tuple(shape), np.dtype(np.uint8), bool(fortran), content))


class _ByteType:
    """Stands for the dtype uint8; its state (byte order, ...) has nothing to tell."""

    def __setstate__(self, state):
        pass


def _byte_type(name, align=False, copy=False) -> _ByteType:
    if name not in ("u1", b"u1"):
        raise pickle.UnpicklingError(f"an array of {name!r}, not of bytes")
    return _ByteType()


def _reconstruct(subtype, shape, kind) -> _Bytes:
    if subtype is not _ArrayType or shape != (0,):
        raise pickle.UnpicklingError("an array made in another way than NumPy's")
    return np.ndarray.__new__(_Bytes, (0,), np.uint8)


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")
