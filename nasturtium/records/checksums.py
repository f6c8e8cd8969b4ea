"""Files with their own checksum, which is verified when they are read.

A Parquet file has it between its last column and its footer, where the format allows it and no
reader looks; JSON has it as the key ``sha256``, an ``.npz`` archive as an array of that name.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nasturtium.errors import DamageError
from nasturtium.records.atomic import atomic_path, why_unreadable

_KEY = "sha256"
# The end of a sealed Parquet file: the checksum's mark, the checksum, the footer, its length, the
# magic.
_MARK = b"NASTURTIUM-SHA256"
_SEAL_BYTES = len(_MARK) + hashlib.sha256().digest_size
_END_BYTES = 8


@contextmanager
def reading(path: str | os.PathLike, *, remedy: str = "") -> Iterator[None]:
    """Turn errors of a damaged or unreadable file into a sentence that says what to do.

    Parameters
    ----------
    remedy
        What to do with a damaged file; by default remove it, since the study makes it again.

    Raises
    ------
    DamageError
        For any error of a reader in the block that the file's content or path causes.
    """
    mending = remedy or "remove it and run the same command again"
    try:
        yield
    except FileNotFoundError as error:
        again = remedy or "run the same command again to create it"
        raise DamageError(f"{path} is missing; {again}.") from error
    except OSError as error:
        # Readers raise one without an errno for invalid content.
        cause = why_unreadable(error)
        if cause is None:
            raise DamageError(f"{path} is damaged; {mending}.") from error
        raise DamageError(
            f"{path} could not be read: {cause}, and run the same command again."
        ) from error
    except _DAMAGED as error:
        raise DamageError(f"{path} is damaged; {mending}.") from error


class _NotWhole(ValueError):
    """The checksum is wrong or missing."""


# Errors of readers of JSON, NumPy and zip; Arrow's errors are ValueErrors or OSErrors.
_DAMAGED = (
    *(ValueError, KeyError, IndexError, TypeError, EOFError, SyntaxError, OverflowError),
    # zipfile raises RuntimeError if a flipped bit marks a member as encrypted.
    *(MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error),
)


def write_json(path: str | os.PathLike, content: Mapping[str, Any]) -> None:
    """Write a JSON object with its checksum, atomically."""
    plain = json.loads(json.dumps(content))
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps({**plain, _KEY: _of_json(plain)}, indent=2) + "\n", encoding="utf-8"
        )


def read_json(path: str | os.PathLike, *, remedy: str = "") -> dict[str, Any]:
    """The object that :func:`write_json` wrote; ``remedy`` as in :func:`reading`.

    Raises
    ------
    DamageError
        The file is not what was written, or can't be read.
    """
    with reading(path, remedy=remedy):
        content = json.loads(Path(path).read_bytes())
        if content.pop(_KEY) != _of_json(content):
            raise _NotWhole
        return content


def write_arrays(path: str | os.PathLike, **arrays: np.ndarray) -> None:
    """Write an ``.npz`` file with its checksum, atomically."""
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays, **{_KEY: _of_arrays(arrays)})


def read_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """All arrays that :func:`write_arrays` wrote.

    Raises
    ------
    DamageError
        The file is not what was written, or can't be read.
    """
    with reading(path):
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        if not np.array_equal(arrays.pop(_KEY), _of_arrays(arrays)):
            raise _NotWhole
        return arrays


def seal_parquet(path: str | os.PathLike) -> None:
    """Add a checksum of the whole file to a Parquet file that was just written."""
    content = Path(path).read_bytes()
    footer = len(content) - _footer_bytes(content)
    data, end = content[:footer], content[footer:]
    Path(path).write_bytes(data + _MARK + hashlib.sha256(content).digest() + end)


def read_parquet(path: str | os.PathLike) -> bytes:
    """The bytes of a Parquet file after :func:`seal_parquet`, checked.

    Raises
    ------
    DamageError
        The file is not what was written, or can't be read.
    """
    with reading(path):
        content = Path(path).read_bytes()
        footer = len(content) - _footer_bytes(content)
        data, seal, end = _parts(content, footer)
        if seal != _MARK + hashlib.sha256(data + end).digest():
            raise _NotWhole
        return content


def check_bytes(path: str | os.PathLike, sha256: str) -> None:
    """Compare a file, read as a stream, with a given checksum.

    Raises
    ------
    DamageError
        The file is not what was written, or can't be read.
    """
    with reading(path), open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise _NotWhole


def check_zip(path: str | os.PathLike, *, remedy: str = "") -> None:
    """Compare the members of a zip archive with their checksums; ``remedy`` as in :func:`reading`.

    Raises
    ------
    DamageError
        The file is not what was written, or can't be read.
    """
    with reading(path, remedy=remedy), zipfile.ZipFile(path) as file:
        if file.testzip() is not None:
            raise _NotWhole


def _footer_bytes(content: bytes) -> int:
    """Size of a Parquet file's footer with its length and magic."""
    return int.from_bytes(content[-_END_BYTES:-4], "little") + _END_BYTES


def _parts(content: bytes, footer: int) -> tuple[bytes, bytes, bytes]:
    begin = footer - _SEAL_BYTES
    if begin < 0:
        raise _NotWhole
    return content[:begin], content[begin:footer], content[footer:]


def _of_json(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _of_arrays(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return np.frombuffer(digest.digest(), np.uint8)
