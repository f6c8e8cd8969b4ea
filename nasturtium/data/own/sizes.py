"""How many samples a described data set can have at most, from a glance at its files."""

import gzip
import os
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

# Larger text files hold samples enough, whatever they are wanted for; so do larger folders.
_MOST_BYTES, _MOST_PICTURES = 2**20, 20_000
_OPENED = {".gz": gzip.open}


def most_samples(own: Mapping, key: str = "path") -> int | None:
    """At most so many samples are in the file or folder that ``key`` names; None where many.

    None too where it can't be told without reading it; a broken file is left to its reader.
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
    """Lines of a text file, its header not counted; a line ends with either sign."""
    if not path.endswith(".gz") and os.path.splitext(path)[1] in (".bz2", ".zst", ".lz4", ".br"):
        return None
    with _OPENED.get(os.path.splitext(path)[1], open)(path, "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        return None
    # The last line may lack its end. Of UTF-16, a sign's second byte is a zero.
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
    # Planning imports nothing heavy for those who have no such file.
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
