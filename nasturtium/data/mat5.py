"""Numeric arrays from MATLAB files of version 5, as a stream and in bounded memory.

SciPy's reader trusts the sizes in the file, so a broken file can crash the process. This reader
compares every size to the bytes in the file before it allocates memory. Values come in blocks, so
arrays larger than memory can be read. Format: "MAT-File Format", MathWorks, chapter 1, level 5.
"""

import math
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_DTYPES = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_INT8, _INT32, _UINT32 = 1, 5, 6
# Array classes. Those from "double" on hold numbers.
_CLASSES = {
    **{1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "double", 7: "single"},
    **{8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32"},
    **{14: "int64", 15: "uint64"},
}
NUMERIC = frozenset(name for number, name in _CLASSES.items() if number >= 6)
_COMPLEX = 0x0800
_MOST_DIMENSIONS, _LONGEST_NAME = 32, 256
_CHUNK_BYTES = 2**20


class MatError(ValueError):
    """The file is no complete MATLAB file of version 5. The message says what is wrong."""


@dataclass(frozen=True)
class MatArray:
    """One variable of a file. Its values are read on demand.

    Attributes
    ----------
    shape
        Shape in MATLAB.
    kind
        MATLAB's class: ``double``, ``uint8``, ``cell``, ...
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    path: Path
    offset: int

    def blocks(self, values: int) -> Iterator[np.ndarray]:
        """The values in MATLAB's order (first axis fastest), in blocks of at most ``values``.

        They have the type in which they are stored. MATLAB often stores an array of doubles in a
        smaller type if it holds small whole numbers.

        Raises
        ------
        MatError
            The file ends too early, or the array holds no plain numbers.
        """
        with open(self.path, "rb") as file:
            order = _byte_order(file)
            file.seek(self.offset)
            matrix = _Matrix(file, order)
            if self.kind not in NUMERIC or matrix.is_complex:
                raise MatError(f"its variable '{self.name}' does not hold real numbers")
            dtype, left = matrix.values()
            expected = math.prod(self.shape) * dtype.itemsize
            if left != expected:
                raise MatError(f"its variable '{self.name}' has {left} bytes, not {expected}")
            while left:
                size = min(left, values * dtype.itemsize)
                yield np.frombuffer(matrix.read(size), dtype)
                left -= size


def read_arrays(path: str | os.PathLike) -> dict[str, MatArray]:
    """The variables of a file by name. Only their headers are read.

    Raises
    ------
    MatError
        Not such a file, or it is truncated.
    OSError
        The file can't be read.
    """
    path = Path(path)
    found = {}
    with open(path, "rb") as file:
        order = _byte_order(file)
        end = os.path.getsize(path)
        offset = _HEADER_BYTES
        while offset < end:
            file.seek(offset)
            matrix = _Matrix(file, order)
            if matrix.end > end:
                raise MatError(f"it is truncated: it has {end} bytes instead of {matrix.end}")
            found[matrix.name] = MatArray(matrix.name, matrix.shape, matrix.kind, path, offset)
            offset = matrix.end
    return found


def _byte_order(file: BinaryIO) -> str:
    header = file.read(_HEADER_BYTES)
    for mark, order in ((b"\x00\x01IM", "<"), (b"\x01\x00MI", ">")):
        if header[124:] == mark:
            return order
    raise MatError("it has no header of that version")


class _Matrix:
    """One array in a file, read from its start."""

    def __init__(self, file: BinaryIO, order: str):
        self._order = order
        self._read = file.read
        self._pending = b""
        start = file.tell()
        kind, size = self._words()
        self.end = start + 8 + size
        if kind == _COMPRESSED:
            self._read = _Inflated(file, size).read
            kind, size = self._words()
        if kind != _MATRIX:
            raise MatError(f"it has an element of type {kind} instead of an array")
        flags = int.from_bytes(self._small(_UINT32, 8)[:4], "little" if order == "<" else "big")
        self.kind = _CLASSES.get(flags & 0xFF, "unknown")
        self.is_complex = bool(flags & _COMPLEX)
        sizes = self._small(_INT32, 4 * _MOST_DIMENSIONS)
        shape = np.frombuffer(sizes[: len(sizes) // 4 * 4], order + "i4")
        if len(shape) < 2 or (shape < 0).any():
            raise MatError(f"it has an array of shape {shape.tolist()}")
        self.shape = tuple(int(length) for length in shape)
        self.name = self._small(_INT8, _LONGEST_NAME).decode("latin-1")

    def values(self) -> tuple[np.dtype, int]:
        """Type and number of bytes of the values. ``read`` returns them from here on."""
        kind, size, self._pending = self._tag()
        if kind not in _DTYPES:
            raise MatError(f"it has values of type {kind}")
        return np.dtype(self._order + _DTYPES[kind]), size

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes."""
        data, self._pending = self._pending[:size], self._pending[size:]
        data += self._read(size - len(data))
        if len(data) != size:
            raise MatError(f"it is truncated: {len(data)} bytes are left of an item of {size}")
        return data

    def _words(self) -> tuple[int, int]:
        return struct.unpack(self._order + "II", self.read(8))

    def _tag(self) -> tuple[int, int, bytes]:
        """Type and size of an element, and its data if the tag itself contains them."""
        kind, size = self._words()
        if not kind >> 16:
            return kind, size, b""
        kind, packed, data = kind & 0xFFFF, kind >> 16, struct.pack(self._order + "I", size)
        if packed > len(data):
            raise MatError(f"it has {packed} bytes in a tag that can hold 4")
        return kind, packed, data[:packed]

    def _small(self, kind: int, most: int) -> bytes:
        """The data of a short element of the given type. Its padding is skipped."""
        found, size, data = self._tag()
        if found != kind or size > most:
            raise MatError(
                f"it has {size} bytes of type {found} instead of at most {most} of type {kind}"
            )
        if size and not data:
            data = self.read(size)
            self.read(-size % 8)
        return data


class _Inflated:
    """The unpacked bytes of a compressed element of ``size`` bytes."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._left = file, size
        self._inflater = zlib.decompressobj()
        self._rest = b""

    def read(self, size: int) -> bytes:
        """``size`` bytes, or fewer at the end. Nothing else is unpacked."""
        parts, missing = [], size
        while missing:
            packed = self._rest or self._next()
            data = self._inflater.decompress(packed, missing)
            self._rest = self._inflater.unconsumed_tail
            parts.append(data)
            missing -= len(data)
            if not data and (self._inflater.eof or not packed):
                break
        return b"".join(parts)

    def _next(self) -> bytes:
        packed = self._file.read(min(self._left, _CHUNK_BYTES))
        self._left -= len(packed)
        return packed
