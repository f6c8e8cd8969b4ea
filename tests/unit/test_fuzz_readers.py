"""Readers get broken bytes: they raise only DataError, quickly and with little memory.

A few seconds unmarked; the same for a minute a reader under the marker ``long``.
"""

import contextlib
import functools
import gzip
import io
import os
import pickle
import resource
import tarfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from nasturtium.data import california_housing, cifar10, mnist, prepared, readers, sat6
from nasturtium.data.catalog import describe
from nasturtium.data.cifar10_pickle import read_python_batch
from nasturtium.errors import DataError
from tests.unit.test_readers import write_idx
from tests.unit.test_sat6 import write_csvs, write_mat

# NumPy and Pillow warn of what they then refuse.
pytestmark = pytest.mark.filterwarnings("ignore")

MOST_GROWTH_BYTES = 1_500_000_000


def own(path, file_format, **more):
    given = {"format": file_format, "path": str(path), "task": "classification", "target": "y"}
    reference = {"reference": {"mlp": [2]}}
    return functools.partial(
        readers.read_described, "mine", {k: v for k, v in {**given, **reference, **more}.items()}
    )


def read_whole(read):
    description, samples = read()
    prepared._check(description, samples)
    for _ in [samples.features] if isinstance(samples.features, np.ndarray) else samples.features:
        pass


def npz_seed(folder: Path, save=np.savez) -> bytes:
    save(folder / "seed.npz", x=np.zeros((4, 2, 2), np.uint8), y=np.arange(4))
    return (folder / "seed.npz").read_bytes()


def case(name: str, folder: Path):
    """Good bytes of a format, and what reads the file at a path."""
    path = folder / f"x.{name}"
    if name in ("idx", "idx_plain"):
        good = write_idx(folder / "seed", np.zeros((3, 2, 2))).read_bytes()
        good = gzip.decompress(good) if name == "idx_plain" else good
        return good, path, functools.partial(mnist.read_idx, path)
    if name == "california":
        good = b"-122.23,37.88,41.0,880.0,129.0,322.0,126.0,8.3252,452600.0\n" * 3
        return good, path, functools.partial(california_housing.parse, path)
    if name == "cifar_pickle":
        batch = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 2]}
        return pickle.dumps(batch, 2), path, lambda: read_python_batch(path.read_bytes(), "x")
    if name == "cifar_archive":
        with tarfile.open(folder / "seed.tar", "w") as archive:
            info = tarfile.TarInfo("data_batch_1.bin")
            info.size = 3073
            archive.addfile(info, io.BytesIO(bytes(3073)))
        content = (folder / "seed.tar").read_bytes()
        return content, path, lambda: cifar10.read_archive(path, ("data_batch_1",))
    if name in ("mat", "mat_packed"):
        good = write_mat(folder / "seed.mat", compressed=name == "mat_packed").read_bytes()

        def read():
            read_whole(lambda: (describe("sat6"), sat6.read_mat(path)))

        return good, path, read
    if name == "sat6_csv":
        paths = write_csvs(folder)
        good = paths[1].read_bytes()

        def read():
            read_whole(lambda: (describe("sat6"), sat6.read_csv(paths[0], path, *paths[2:])))

        return good, path, read
    if name in ("npz", "npz_packed"):
        good = npz_seed(folder, np.savez_compressed if name == "npz_packed" else np.savez)
        return good, path, lambda: read_whole(own(path, "npz", target="y"))
    if name == "csv":
        good = b"a,b,y\n1,2,0\n3.5,x,1\n"
        return good, path, lambda: read_whole(own(path, "csv", categorical=["b"]))
    if name == "parquet":
        table = pa.table({"a": [1.0, 2.0, 3.0], "b": ["u", "v", "u"], "y": [0, 1, 1]})
        pyarrow.parquet.write_table(table, folder / "seed.parquet")
        good = (folder / "seed.parquet").read_bytes()
        return good, path, lambda: read_whole(own(path, "parquet", categorical=["b"]))
    if name == "long_table":
        good = b"i,t,a,y\n0,0,1,0\n0,1,2.5,0\n1,1,3,1\n1,0,4,1\n"
        sequence = {"kind": "sequence", "id": "i", "time": "t"}
        return good, path, lambda: read_whole(own(path, "csv", **sequence))
    if name in ("ts", "ts_gz"):
        good = b"@classLabel true 0 1\n@data\n1,2:3,4:0\n5,?:7,8:1\n1,2:3,4:1\n"
        path = folder / ("x.ts.gz" if name == "ts_gz" else "x.ts")
        good = gzip.compress(good) if name == "ts_gz" else good
        return good, path, lambda: read_whole(own(path, "ts", missing="mean", steps=3))
    if name in ("png", "jpg", "bmp"):
        file = io.BytesIO()
        Image.new("RGB", (6, 5)).save(file, {"jpg": "JPEG"}.get(name, name.upper()))
        for label in "ab":
            (folder / "i" / label).mkdir(parents=True)
            (folder / "i" / label / f"0.{name}").write_bytes(file.getvalue())
        description = own(folder / "i", "folder-of-images", input_shape=[5, 6, 3])
        return file.getvalue(), folder / "i" / "a" / f"0.{name}", lambda: read_whole(description)
    raise AssertionError(name)


# The cases of each reader share its minute.
READERS = [
    ("idx", "idx_plain"),
    ("california",),
    ("cifar_pickle", "cifar_archive"),
    ("mat", "mat_packed", "sat6_csv"),
    ("npz", "npz_packed"),
    ("csv",),
    ("parquet",),
    ("long_table", "ts", "ts_gz"),
    ("png", "jpg", "bmp"),
]


def broken(good: bytes):
    """``good`` with bytes changed, cut, repeated or put in; or bytes of no format at all."""
    place = st.integers(0, max(len(good) - 1, 0))
    extreme = st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"-1", b"\x80"])
    change = st.tuples(place, st.one_of(st.binary(min_size=1, max_size=8), extreme))

    def changed(changes):
        content = bytearray(good)
        for position, value in changes:
            content[position : position + len(value)] = value
        return bytes(content)

    return st.one_of(
        st.lists(change, min_size=1, max_size=4).map(changed),
        place.map(lambda end: good[:end]),
        st.tuples(place, place, st.binary(max_size=16)).map(
            lambda t: good[: t[0]] + t[2] + good[t[1] :]
        ),
        st.binary(max_size=300),
    )


def fuzz(name: str, folder: Path, rounds: int, examples: int, seconds: float = 0) -> int:
    """Feed the reader; how often.

    The same ``rounds`` of ``examples`` each time, so that what passed passes again; and then
    others, by chance, until so many seconds are over.
    """
    good, path, read = case(name, folder)
    path.write_bytes(good)
    with contextlib.suppress(DataError):  # a batch of one image is too small, say
        read()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end_s, tried = time.monotonic() + seconds, 0

    def check(content):
        nonlocal tried
        tried += 1
        start_s = time.monotonic()
        path.write_bytes(content)
        said = ""
        try:
            read()
        except DataError as error:
            said = str(error)
        assert "\n" not in said
        assert len(said) < 1000
        assert time.monotonic() - start_s < 10

    options = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    for number in range(rounds):
        seed(number)(options(given(broken(good))(check)))()
    while time.monotonic() < end_s:
        options(given(broken(good))(check))()
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < MOST_GROWTH_BYTES
    return tried


@pytest.mark.parametrize("name", [name for names in READERS for name in names])
def test_a_reader_gives_up_with_its_own_error(tmp_path, name):
    assert fuzz(name, tmp_path, rounds=1, examples=60) >= 30


@pytest.mark.long
@pytest.mark.parametrize("names", READERS)
def test_a_reader_gives_up_with_its_own_error_often(tmp_path, names):
    # For work on readers: NASTURTIUM_FUZZ_S=60 adds a minute of random cases for each reader.
    seconds = float(os.environ.get("NASTURTIUM_FUZZ_S", 0)) / len(names)
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        assert fuzz(name, folder, rounds=4, examples=300, seconds=seconds) >= 300
