"""Readers: original formats, byte for byte, and one sentence for every fault."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from nasturtium.data import california_housing, mnist, prepared, readers, splits
from nasturtium.data.catalog import describe
from nasturtium.data.samples import Samples
from nasturtium.data.sources import SourceFile, fetch
from nasturtium.errors import DataError
from nasturtium.records.checksums import read_arrays

SHARES = {"validation": 0.2, "test": 0.2}


def write_idx(path, array: np.ndarray, *, magic=None, cut=0, extra=b""):
    """An IDX file as in its specification: magic number, big-endian sizes, bytes."""
    header = struct.pack(">I", magic if magic is not None else 0x0800 + array.ndim)
    header += struct.pack(f">{array.ndim}I", *array.shape)
    body = array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(header + body[: len(body) - cut] + extra))
    return path


def test_an_idx_file_gives_its_array(tmp_path):
    images = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    read = mnist.read_idx(write_idx(tmp_path / "x.gz", images))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, images)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cut": 1}, "fewer than the 24 bytes"),
        ({"extra": b"\0"}, "more than the 24 bytes"),
        ({"magic": 0x0D03}, "magic number"),
        ({"magic": 0x0809}, "magic number"),
    ],
)
def test_a_broken_idx_file_is_explained(tmp_path, options, said):
    path = write_idx(tmp_path / "x.gz", np.zeros((2, 3, 4)), **options)
    with pytest.raises(DataError, match=said) as caught:
        mnist.read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"\0\0\x08\x01\0", b"", b"not gzip", gzip.compress(b"\0" * 99, mtime=0)[:-9]]
)
def test_what_is_not_a_whole_gzip_file_is_explained(tmp_path, content):
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="published file in its place"):
        mnist.read_idx(path)


def test_a_bomb_is_not_decompressed(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(struct.pack(">II", 0x0801, 5) + b"\0" * 50_000_000))
    with pytest.raises(DataError, match="more than the 5 bytes"):
        mnist.read_idx(path)


def test_california_features_are_those_of_scikit_learn(tmp_path):
    path = tmp_path / "cal_housing.data"
    path.write_text("-122.23,37.88,41.0,880.0,129.0,322.0,126.0,8.3252,452600.0\n")
    features, targets = california_housing.parse(path)
    expected = [8.3252, 41.0, 880 / 126, 129 / 126, 322, 322 / 126, 37.88, -122.23]
    np.testing.assert_allclose(features[0], expected, rtol=1e-6)
    np.testing.assert_allclose(targets, [4.526])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3\n", "3 columns, not nine"),
        ("1,2,3,4,5,6,7,8,much\n", "nine comma-separated numbers"),
        ("1,2,3,4,5,6,0,8,9\n", "row 1 has no households"),
        ("1,2,3,4,5,6,7,8,9\n1,2,3,4,5,6,7,8,nan\n", "row 2"),
    ],
)
def test_a_broken_california_file_is_explained(tmp_path, text, said):
    path = tmp_path / "cal_housing.data"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        california_housing.parse(path)


def test_a_file_with_another_checksum_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "a.gz").write_bytes(b"other")
    with pytest.raises(DataError, match="delete it so that it is downloaded again"):
        fetch("mnist", SourceFile("a.gz", "0" * 64, ()))


def test_a_missing_file_without_network_is_explained_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))
    # A port of this machine that nothing listens on.
    source = SourceFile("a.gz", "0" * 64, ("http://127.0.0.1:9/a.gz",))
    with pytest.raises(DataError, match="put the file there by hand") as caught:
        fetch("mnist", source)
    assert "a.gz: is missing" in str(caught.value)
    assert not list(tmp_path.rglob("*.gz"))


def test_a_file_is_fetched_once_and_checked(tmp_path, monkeypatch):
    import functools
    import http.server
    import threading

    served = tmp_path / "served"
    served.mkdir()
    (served / "a.gz").write_bytes(b"content")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path / "data"))
    address = f"http://127.0.0.1:{server.server_port}/a.gz"
    digest = hashlib.sha256(b"content").hexdigest()
    try:
        path = fetch("mnist", SourceFile("a.gz", digest, (f"{address}x", address)))
        assert path.read_bytes() == b"content"
        with pytest.raises(DataError, match="could not be downloaded"):
            fetch("mnist", SourceFile("b.gz", "1" * 64, (address,)))
        assert not (tmp_path / "data" / "mnist" / "b.gz").exists()
    finally:
        server.shutdown()
    # Once it is there, no server is asked.
    assert fetch("mnist", SourceFile("a.gz", digest, (address,))) == path


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [("digits", (1797, 8, 8, 1), np.uint8), ("diabetes", (442, 10), np.float32)],
)
def test_the_embedded_data_sets(name, shape, dtype):
    samples = readers.read(name)
    assert samples.features.shape == shape
    assert samples.features.dtype == dtype


def test_real_mnist_and_california(real_data, monkeypatch):
    monkeypatch.setenv("NASTURTIUM_DATA", str(real_data))
    samples = readers.read("mnist")
    assert samples.features.shape == (70_000, 28, 28, 1)
    assert samples.test_from == 60_000
    assert np.bincount(samples.targets[60_000:]).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    samples = readers.read("california_housing")
    assert samples.features.shape == (20_640, 8)
    assert samples.targets.max() == pytest.approx(5.00001)


def make_prepared(tmp_path, test_from=None):
    rng = np.random.default_rng(0)
    samples = Samples(
        features=rng.integers(0, 16, (200, 8, 8, 1)).astype(np.uint8),
        targets=np.arange(200) % 10,
        test_from=test_from,
    )
    prepared.write(tmp_path / "digits", describe("digits"), samples)
    return prepared.read(tmp_path / "digits")


def test_splits_cover_all_samples_once_by_seed_and_stratified(tmp_path):
    data = make_prepared(tmp_path)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        splits.write_split(tmp_path / f"{name}.npz", data, SHARES, seed)
    a, b, c = (read_arrays(tmp_path / f"{name}.npz") for name in "abc")
    assert sorted(np.concatenate(list(a.values()))) == list(range(200))
    assert [len(a[n]) for n in ("train", "validation", "test")] == [128, 32, 40]
    assert all((a[name] == b[name]).all() for name in a)
    assert (a["test"] != c["test"]).any()
    assert np.bincount(data.targets[a["test"]]).tolist() == [4] * 10


def test_a_published_test_split_is_kept(tmp_path):
    data = make_prepared(tmp_path, test_from=150)
    splits.write_split(tmp_path / "a.npz", data, SHARES, 0)
    assert splits.test_data(data, tmp_path / "a.npz").targets.shape == (50,)
    assert np.load(tmp_path / "a.npz")["test"].tolist() == list(range(150, 200))
    assert np.load(tmp_path / "a.npz")["train"].max() < 150


def test_samples_that_are_not_as_described_are_refused(tmp_path):
    good = np.zeros((4, 8, 8, 1), np.uint8)
    for features, targets, said in (
        (good[:, :7], np.zeros(4, int), "shape"),
        (good, np.zeros(3, int), "4 samples but 3 targets"),
        (good, np.array([0, 1, 2, 10]), "labels run from 0 to 10"),
    ):
        with pytest.raises(DataError, match=said):
            prepared.write(tmp_path, describe("digits"), Samples(features, targets))
    assert list(tmp_path.iterdir()) == []
