"""A separate test file is another file, and has the same quantities."""

import shutil
import struct

import numpy as np
import pytest
from PIL import Image

from nasturtium.data import notices, readers
from nasturtium.errors import DataError

DRAW = np.random.default_rng(0)
X, LABELS = DRAW.normal(size=60), np.arange(60) % 3


def table(path, x=X, name="x"):
    lines = [f"{value:.6f},{label}" for value, label in zip(x, LABELS, strict=True)]
    path.write_text("\n".join([f"{name},y", *lines]), encoding="utf-8")
    return str(path)


def read(**own):
    given = {"format": "csv", "task": "classification", "reference": {"mlp": [2]}}
    if own.get("format", "csv") == "csv":
        given["target"] = "y"
    with notices.collected() as warnings:
        found = readers.read_described("mine", {**given, **own})
    return *found, warnings


@pytest.mark.parametrize("copied", [True, False])
def test_a_test_file_that_is_trained_on_is_refused(tmp_path, copied):
    path = test_path = table(tmp_path / "a.csv")
    if copied:
        test_path = shutil.copy(path, tmp_path / "b.csv")
    with pytest.raises(DataError, match="the test split would be the training data"):
        read(path=path, test_path=str(test_path))


def test_arrays_that_are_trained_on_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=X[:, None], y=LABELS, x_test=X[:, None] + 1, y_test=LABELS)
    own = {"format": "npz", "path": str(tmp_path / "a.npz")}
    with pytest.raises(DataError, match="the test split would be the training data"):
        read(**own, test_features="x", test_target="y")
    assert read(**own, test_features="x_test", test_target="y_test")[1].test_from == 60


def test_pictures_that_are_trained_on_are_refused(tmp_path):
    for folder, brightness in (("train", 200), ("same", 200), ("other/train", 250)):
        for label in "ab":
            (tmp_path / folder / label).mkdir(parents=True)
            Image.new("L", (4, 4), brightness).save(tmp_path / folder / label / "1.png")
    own = {"format": "folder-of-images", "path": str(tmp_path / "train"), "input_shape": [4, 4, 1]}
    for test_path in ("train", "same"):
        with pytest.raises(DataError, match="the test split would be the training data"):
            read(**own, test_path=str(tmp_path / test_path))
    assert len(read(**own, test_path=str(tmp_path / "other/train"))[1].sources) == 2


def test_files_of_one_name_keep_their_checksums(tmp_path):
    for folder in ("train", "test"):
        (tmp_path / folder).mkdir()
    path, test_path = table(tmp_path / "train/a.csv"), table(tmp_path / "test/a.csv", X + 1)
    sources = read(path=path, test_path=test_path)[1].sources
    assert set(sources) == {path, test_path}


def test_a_test_file_of_another_unit_is_said(tmp_path):
    path = table(tmp_path / "a.csv")
    for times, count in ((1000, 1), (0.001, 1), (2, 0), (1.01, 0)):
        warnings = read(path=path, test_path=table(tmp_path / "b.csv", times * X))[2]
        assert len(warnings) == count
        assert all("column 'x' varies" in warning for warning in warnings)


def test_test_images_of_another_scale_are_said(tmp_path):
    images = DRAW.integers(0, 256, (60, 4, 4)).astype(np.float64)
    for scale, count in ((1, 0), (255, 1)):
        np.savez(tmp_path / "a.npz", x=images, y=LABELS, x_test=images[::-1] / scale, y_test=LABELS)
        own = {"format": "npz", "path": str(tmp_path / "a.npz"), "test_target": "y_test"}
        warnings = read(**own, test_features="x_test")[2]
        assert len(warnings) == count


def test_pictures_of_idx_files_may_have_their_channels_first(tmp_path):
    pictures = DRAW.integers(0, 256, (60, 5, 6, 3)).astype(np.uint8)

    def write(name, array):
        header = struct.pack(">BBBB", 0, 0, 8, array.ndim)
        header += struct.pack(f">{array.ndim}i", *array.shape)
        (tmp_path / name).write_bytes(header + array.astype(np.uint8).tobytes())
        return str(tmp_path / name)

    own = {"format": "idx", "target_path": write("y.idx", LABELS)}
    last = read(**own, path=write("last.idx", pictures))
    first = read(**own, path=write("first.idx", np.moveaxis(pictures, -1, 1)))
    np.testing.assert_array_equal(first[1].features, last[1].features)
    assert (len(last[2]), len(first[2])) == (0, 1)


def test_groups_that_look_the_same_are_refused(tmp_path):
    lines = [f"{'ab'[n % 2]}{' ' * (n % 5 == 0)},{n * 0.7:.2f},{n % 3}" for n in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["p,x,y", *lines]), encoding="utf-8")
    with pytest.raises(DataError, match="column 'p': 'a' and 'a ' differ only in blanks"):
        read(path=str(tmp_path / "a.csv"), split={"group": "p"})
