"""CIFAR-10's archives: files in the original formats, and malicious files."""

import contextlib
import functools
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasturtium.data import cifar10, readers
from nasturtium.data.cifar10_pickle import read_python_batch
from nasturtium.errors import DataError

SAMPLES = 10_000


def records(seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, 256, (SAMPLES, 3073), np.uint8)
    drawn[:, 0] %= 10
    return drawn


def python_batch(batch: np.ndarray) -> bytes:
    """As the published ones: protocol 2, keys and file names in bytes, labels in a list."""
    content = {
        b"batch_label": b"training batch 1 of 5",
        b"labels": batch[:, 0].tolist(),
        b"data": np.ascontiguousarray(batch[:, 1:]),
        b"filenames": [b"leptodactylus_pentadactylus_s_000004.png"] * len(batch),
    }
    return pickle.dumps(content, protocol=2)


@functools.cache
def small_batch() -> bytes:
    return python_batch(records(0)[:3])


def archive(path, members: dict[str, bytes]):
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("layout", ["binary", "python"])
def test_batches_in_both_layouts(tmp_path, layout):
    first, second = records(0), records(1)
    if layout == "binary":
        members = {
            "cifar-10-batches-bin/data_batch_1.bin": first.tobytes(),
            "cifar-10-batches-bin/test_batch.bin": second.tobytes(),
        }
    else:
        members = {
            "cifar-10-batches-py/test_batch": python_batch(second),
            "cifar-10-batches-py/data_batch_1": python_batch(first),
        }
    read = cifar10.read_archive(archive(tmp_path / "x", members), ("data_batch_1", "test_batch"))
    assert (read[0] == first).all()
    assert (read[1] == second).all()


def test_pixels_lie_by_row_and_column_with_channels_last():
    record = np.arange(3073) % 251
    samples = cifar10._samples([np.tile(record.astype(np.uint8), (SAMPLES, 1))], {})
    assert samples.features.shape == (SAMPLES, 32, 32, 3)
    # The record's byte 1 + 1024 * channel + 32 * row + column.
    assert samples.features[0, 2, 5, 1] == record[1 + 1024 + 64 + 5]
    assert samples.test_from == 0


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickle.dumps(Harm()), "asks for posix.system"),
        (pickle.dumps({b"data": Harm()}, protocol=0), "asks for posix.system"),
        (pickle.dumps({b"data": np.zeros((2, 3072)), b"labels": [1, 2]}), "not a batch"),
        (pickle.dumps({b"data": np.array([Harm()]), b"labels": [1]}), "not a batch|asks for"),
        (pickle.dumps({b"data": np.zeros((2, 9), np.uint8), b"labels": [1, 2]}), "has no 'data'"),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]}), "has no 'data'"),
        (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [-1]}), "has no 'data'"),
        (pickle.dumps([1, 2]), "has no 'data'"),
        (python_batch(records(0))[:-1000], "not a batch"),
        (b"", "not a batch"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "asks for builtins.eval"),
    ],
)
def test_a_pickle_runs_nothing_and_says_what_is_wrong(content, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=said):
        read_python_batch(content, "x.tar: data_batch_1")
    assert not (tmp_path / "harmed").exists()


def test_broken_archives_say_what_is_wrong(tmp_path):
    good = records(0).tobytes()
    labelled = records(0)
    labelled[7, 0] = 10
    for members, said in (
        ({"data_batch_2.bin": good}, "has no data_batch_1"),
        ({"data_batch_1.bin": good[:-1]}, "no multiple of the 3073 bytes"),
        ({"data_batch_1.bin": good[:-3073]}, "holds 9999 images"),
        ({"data_batch_1.bin": b""}, "holds 0 images"),
        ({"data_batch_1.bin": bytes(70_000_000)}, "more than a batch"),
        ({"data_batch_1.bin": labelled.tobytes()}, "has the label 10"),
        ({"a/data_batch_1.bin": good, "b/data_batch_1.bin": good}, "data_batch_1 twice"),
    ):
        path = archive(tmp_path / "x.tar.gz", members)
        with pytest.raises(DataError, match=said):
            cifar10.read_archive(path, ("data_batch_1",))
    for content in (b"", b"no archive", path.read_bytes()[:100_000]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="put the published file in its place"):
            cifar10.read_archive(path, ("data_batch_1",))


def test_nothing_is_unpacked_wherever_a_member_says_that_it_belongs(tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    members = {"../../outside": b"x", "../data_batch_1.bin": records(0).tobytes()}
    path = archive(folder / "x.tar.gz", members)
    cifar10.read_archive(path, ("data_batch_1",))
    assert list(tmp_path.iterdir()) == [folder]
    assert list(folder.iterdir()) == [path]


def test_other_images_under_the_right_names_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    content = records(0).tobytes()
    members = {f"{name}.bin": content for name in cifar10.TRAINING_MD5}
    archive(tmp_path / "cifar10" / "cifar-10-batches-py.tar.gz", members)
    with pytest.raises(DataError, match="data_batch_1 are not the published ones"):
        readers.read("cifar10_train")
    archive(tmp_path / "cifar10" / cifar10.BINARY.name, members)
    with pytest.raises(DataError, match="its sha256 is"):
        readers.read("cifar10")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_pickle_raises_nothing_else(data):
    content = bytearray(small_batch())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(content), 400) - 1))
        content[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataError):
        read_python_batch(bytes(content), "x")


@pytest.mark.long
def test_real_training_images(real_data, monkeypatch):
    monkeypatch.setenv("NASTURTIUM_DATA", str(real_data))
    samples = readers.read("cifar10_train")
    assert samples.features.shape == (50_000, 32, 32, 3)
    assert samples.features.dtype == np.uint8
    assert samples.test_from == 40_000
    assert np.bincount(samples.targets).tolist() == [5_000] * 10
