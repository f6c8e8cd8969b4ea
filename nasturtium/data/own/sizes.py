"""The largest number of samples that a described data set can have, without reading its files."""

import gzip
import os
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

# Larger text files and folders have enough samples for every purpose.
_MOST_BYTES, _MOST_PICTURES = 2**20, 20_000
_OPENED = {".gz": gzip.open}


def most_samples(own: Mapping, key: str = "path") -> int | None:
    """Upper limit of samples in the file or folder that ``key`` names; None if there are many.

    None also if the limit can't be found quickly, or if the file is broken: its reader reports
    that.
    """
    of_format = {
        "csv": _lines,
        "ts": _lines,
        "idx": _idx_length,
        "npz": lambda path: _npz_length(path, str(own.get("target", "y"))),
        "parquet": _parquet_rows,
        "folder-of-images": _pictures,
    }
    try:
        return of_format[own["format"]](own[key])
    except (OSError, EOFError, ValueError, LookupError, zlib.error, zipfile.BadZipFile):
        return None


def _lines(path: str) -> int | None:
    """Number of lines in a text file without its header. Lines end with LF, CR or both."""
    if not path.endswith(".gz") and os.path.splitext(path)[1] in (".bz2", ".zst", ".lz4", ".br"):
        return None
    with _OPENED.get(os.path.splitext(path)[1], open)(path, "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        return None
    # The last line may have no end. In UTF-16, the second byte of the sign is zero.
    content = content.rstrip(b"\r\n\0")
    return max(content.count(b"\n"), content.count(b"\r"))


def _idx_length(path: str) -> int:
    with _OPENED.get(os.path.splitext(path)[1], open)(path, "rb") as file:
        header = file.read(8)
    if len(header) < 8:
        raise ValueError("too short")
    return int.from_bytes(header[4:], "big")


def _npz_length(path: str, name: str) -> int:
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError("another version")
        return int(np.lib.format.read_array_header_1_0(member)[0][0])


def _parquet_rows(path: str) -> int | None:
    # Planning imports pyarrow only if there is such a file.
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_metadata(path).num_rows
    except pa.ArrowException:
        return None


def _pictures(path: str) -> int | None:
    count = 0
    for _, _, names in os.walk(path):
        count += len(names)
        if count > _MOST_PICTURES:
            return None
    return count
