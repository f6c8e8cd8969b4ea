"""CIFAR-10 (Krizhevsky 2009) from its published archives with binary or Python batches."""

import hashlib
import lzma
import tarfile
import zlib
from pathlib import Path

import numpy as np

from nasturtium.data.cifar10_pickle import read_python_batch
from nasturtium.data.samples import Samples
from nasturtium.data.sources import SourceFile, check, data_folder, fetch
from nasturtium.errors import DataError

_SERVER = "https://www.cs.toronto.edu/~kriz/"
BINARY = SourceFile(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    (_SERVER + "cifar-10-binary.tar.gz",),
)
PYTHON = SourceFile(
    "cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    (_SERVER + "cifar-10-python.tar.gz",),
)
# Archives that others have packed have other checksums, so their images are checked instead.
REPACKED = ("cifar-10-batches-py.tar.xz", "cifar-10-batches-py.tar.gz", "cifar-10-batches-py.tar")

# MD5 of each training batch in the binary layout, as published.
TRAINING_MD5 = {
    "data_batch_1": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5": "53f37980c15c3d472c316c40844f3f0d",
}
SAMPLES_PER_BATCH = 10_000
_PIXELS = 3 * 32 * 32
_RECORD = 1 + _PIXELS
# Python 3 pickles the bytes of a batch as text. That is 1.5 times as long, plus the file names.
_MOST_BYTES = 2 * SAMPLES_PER_BATCH * _RECORD


def read() -> Samples:
    """50,000 training images and the 10,000 of the published test split, 32x32x3, uint8.

    Raises
    ------
    DataError
        There is no archive with the published checksum, and none can be downloaded.
    """
    folder = data_folder("cifar10")
    if not (folder / BINARY.name).exists() and (folder / PYTHON.name).exists():
        source = PYTHON
        path = folder / PYTHON.name
        check(path, PYTHON.sha256)
    else:
        source = BINARY
        path = fetch("cifar10", BINARY)
    records = read_archive(path, (*TRAINING_MD5, "test_batch"))
    return _samples(records, {source.name: source.sha256})


def read_training_images() -> Samples:
    """The 50,000 training images: batches 1-4 for training, batch 5 as the test split.

    This is *not* CIFAR-10's own split, so every figure has to say "CIFAR-10 training images,
    40,000/10,000". Repacked archives can be read too, as long as their training batches hold the
    published images and labels.

    Raises
    ------
    DataError
        A batch differs from the published one.
    """
    folder = data_folder("cifar10")
    found = (folder / name for name in (BINARY.name, PYTHON.name, *REPACKED))
    path = next((path for path in found if path.exists()), None) or fetch("cifar10", BINARY)
    records = read_archive(path, tuple(TRAINING_MD5))
    for (name, md5), batch in zip(TRAINING_MD5.items(), records, strict=True):
        if hashlib.md5(batch.tobytes(), usedforsecurity=False).hexdigest() != md5:
            raise DataError(
                f"{path}: the images or labels of {name} are not the published ones; put "
                f"{BINARY.name} in its place."
            )
    return _samples(records, {f"{path.name}:{name}": md5 for name, md5 in TRAINING_MD5.items()})


def read_archive(path: str | Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """The batches ``names``, each uint8 of shape (10000, 3073): the label, then the pixels.

    Members are read into memory by name. Nothing is unpacked to disk, so the paths in the archive
    do not matter. No more bytes are read from a member than a batch can have.

    Raises
    ------
    DataError
        Not a tar archive, or a batch is missing, broken or there twice.
    """
    path = Path(path)
    wanted = {f"{name}{suffix}": name for name in names for suffix in ("", ".bin")}
    found: dict[str, np.ndarray] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = wanted.get(member.name.rpartition("/")[2])
                if name is None or not member.isfile():
                    continue
                if name in found:
                    raise DataError(
                        f"{path}: contains {name} twice; put the published file in its place."
                    )
                if member.size > _MOST_BYTES:
                    raise DataError(
                        f"{path}: {member.name} has {member.size} bytes, more than a batch of "
                        "CIFAR-10; put the published file in its place."
                    )
                content = archive.extractfile(member).read(_MOST_BYTES + 1)
                found[name] = _records(path, member.name, content)
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: is not a complete tar archive ({said}); put the published file in its place."
        ) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path}: has no {missing[0]}; put the published file in its place.")
    return [found[name] for name in names]


def _records(path: Path, name: str, content: bytes) -> np.ndarray:
    if not name.endswith(".bin"):
        records = read_python_batch(content, f"{path}: {name}")
    elif len(content) % _RECORD:
        raise DataError(
            f"{path}: {name} has {len(content)} bytes, which is no multiple of the {_RECORD} bytes "
            "of a record; put the published file in its place."
        )
    else:
        records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    if len(records) != SAMPLES_PER_BATCH:
        raise DataError(
            f"{path}: {name} holds {len(records)} images, not {SAMPLES_PER_BATCH}; put the "
            "published file in its place."
        )
    if records[:, 0].max() > 9:
        raise DataError(
            f"{path}: {name} has the label {records[:, 0].max()}, but CIFAR-10's labels run from "
            "0 to 9; put the published file in its place."
        )
    return records


def _samples(batches: list[np.ndarray], sources: dict[str, str]) -> Samples:
    records = np.concatenate(batches)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return Samples(
        features=np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
        targets=records[:, 0].astype(np.int64),
        # The last batch is the test split for both readers.
        test_from=len(records) - SAMPLES_PER_BATCH,
        sources=sources,
    )
