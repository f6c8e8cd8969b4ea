"""MNIST (LeCun et al. 1998) from its original gzip-compressed IDX files."""

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nasturtium.data.samples import Samples
from nasturtium.data.sources import SourceFile, fetch
from nasturtium.errors import DataError

_SERVERS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)


def _source(name: str, sha256: str) -> SourceFile:
    return SourceFile(name, sha256, tuple(server + name for server in _SERVERS))


TRAIN_IMAGES = _source(
    "train-images-idx3-ubyte.gz",
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
)
TRAIN_LABELS = _source(
    "train-labels-idx1-ubyte.gz",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
)
TEST_IMAGES = _source(
    "t10k-images-idx3-ubyte.gz",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
)
TEST_LABELS = _source(
    "t10k-labels-idx1-ubyte.gz",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)


def read() -> Samples:
    """60,000 training images, then the 10,000 of the published test split, 28x28x1, uint8."""
    sources = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    images, labels, test_images, test_labels = (
        read_idx(fetch("mnist", source)) for source in sources
    )
    return Samples(
        features=np.concatenate([images, test_images])[..., np.newaxis],
        targets=np.concatenate([labels, test_labels]).astype(np.int64),
        test_from=len(images),
        sources={source.name: source.sha256 for source in sources},
    )


def _opened(path: str | Path) -> BinaryIO:
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if compressed else open(path, "rb")


def read_idx(path: str | Path) -> np.ndarray:
    """An array of unsigned bytes from an IDX file, with or without gzip compression.

    The header has two zero bytes, the type code 0x08 (unsigned byte), the number of dimensions,
    and each dimension as a big-endian 32-bit integer. At most one byte more than the header
    states is decompressed, so a decompression bomb can't fill the memory.

    Raises
    ------
    DataError
        Broken gzip, another magic number, or a length that does not fit the header.
    """
    try:
        with _opened(path) as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:3] != b"\x00\x00\x08" or not 1 <= magic[3] <= 4:
                raise DataError(
                    f"{path}: is no IDX file of unsigned bytes, because its magic number is "
                    f"{magic.hex() or 'missing'} instead of 000008xx; put the published file in "
                    "its place."
                )
            header = file.read(4 * magic[3])
            whole = len(header) == 4 * magic[3]
            shape = tuple(int(size) for size in np.frombuffer(header, ">u4")) if whole else ()
            size = math.prod(shape)
            if not whole or size > 2**32:
                raise DataError(
                    f"{path}: its header is broken; put the published file in its place."
                )
            body = file.read(size + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: is not a complete gzip file ({error}); put the published file in its place."
        ) from error
    if len(body) != size:
        raise DataError(
            f"{path}: has {'more' if len(body) > size else 'fewer'} than the {size} bytes that "
            f"its header states for shape {shape}; put the published file in its place."
        )
    return np.frombuffer(body, np.uint8).reshape(shape)
