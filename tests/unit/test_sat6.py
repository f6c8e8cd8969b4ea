"""SAT-6: all layouts of its files, and one sentence for every fault."""

import sys
import types

import numpy as np
import pytest
import scipy.io

from nasturtium.data import prepared, readers, sat6
from nasturtium.data.catalog import describe
from nasturtium.errors import DataError

TRAIN, TEST = 9, 5


def made(seed: int = 0):
    """Images of shape (samples, 28, 28, 4) and labels, for train and test."""
    rng = np.random.default_rng(seed)
    return [
        (rng.integers(0, 256, (n, 28, 28, 4)).astype(np.uint8), rng.integers(0, 6, n))
        for n in (TRAIN, TEST)
    ]


def mat_variables(kind="double", transposed=False) -> dict:
    variables = {"annotations": np.array([["building", "1"]], dtype=object)}
    for name, (images, labels) in zip(("train", "test"), made(), strict=True):
        one_hot = np.eye(6, dtype=kind)[labels]
        variables[f"{name}_x"] = np.moveaxis(images, 0, 3)
        variables[f"{name}_y"] = one_hot if transposed else one_hot.T
    return variables


def write_mat(path, **changes):
    layout = {key: changes.pop(key) for key in ("kind", "transposed") if key in changes}
    compressed = changes.pop("compressed", True)
    scipy.io.savemat(path, {**mat_variables(**layout), **changes}, do_compression=compressed)
    return path


def write_csvs(folder) -> list:
    paths = []
    for name, (images, labels) in zip(("train", "test"), made(), strict=True):
        paths += [folder / f"X_{name}_sat6.csv", folder / f"y_{name}_sat6.csv"]
        np.savetxt(paths[-2], images.reshape(len(images), -1), fmt="%d", delimiter=",")
        np.savetxt(paths[-1], np.eye(6, dtype=int)[labels], fmt="%d", delimiter=",")
    return paths


def check(samples) -> None:
    (images, labels), (test_images, test_labels) = made()
    read = np.concatenate(list(samples.features))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, np.concatenate([images, test_images]))
    np.testing.assert_array_equal(samples.targets, np.concatenate([labels, test_labels]))
    assert samples.test_from == TRAIN
    assert samples.features.shape == (TRAIN + TEST, 28, 28, 4)


@pytest.mark.parametrize("kind", ["double", "uint8"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_matlab_file_of_every_layout(tmp_path, kind, transposed, compressed):
    path = tmp_path / "x.mat"
    check(sat6.read_mat(write_mat(path, kind=kind, transposed=transposed, compressed=compressed)))


def test_kaggle_s_csv_files(tmp_path, monkeypatch):
    monkeypatch.setattr(sat6, "_CSV_BLOCK_BYTES", 40_000)  # some rows a block
    check(sat6.read_csv(*write_csvs(tmp_path)))


def test_both_are_found_in_the_data_folder_and_prepared_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))
    monkeypatch.setattr(sat6, "_ROWS_PER_BLOCK", 2)
    (tmp_path / "sat6").mkdir()
    write_csvs(tmp_path / "sat6")
    prepared.write(tmp_path / "csv", describe("sat6"), readers.read("sat6"))
    write_mat(tmp_path / "sat6" / sat6.MAT_FILE)
    prepared.write(tmp_path / "mat", describe("sat6"), readers.read("sat6"))
    a, b = prepared.read(tmp_path / "csv"), prepared.read(tmp_path / "mat")
    np.testing.assert_array_equal(a.features, b.features)
    np.testing.assert_array_equal(a.targets, b.targets)
    assert a.features.dtype == np.uint8
    assert (tmp_path / "csv/features.npy").read_bytes() == (
        tmp_path / "mat/features.npy"
    ).read_bytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train_x": np.zeros((28, 28, 3, 9), np.uint8)}, "'train_x' is 28x28x3x9 of uint8"),
        ({"train_x": np.zeros((28, 28, 4, 9))}, "of double instead of 28x28x4xN of uint8"),
        ({"train_y": np.zeros((6, 8))}, "'train_y' is 6x8 of double instead of 6x9 or 9x6"),
        ({"train_y": np.zeros((6, 9))}, "label of sample 1 is not one-hot"),
        ({"test_y": np.full((6, 5), 1.0)}, "'test_y': the label of sample 1 is not one-hot"),
        ({"test_y": np.eye(6)[:, :5] * 2}, "is not one-hot"),
        ({"test_x": "images"}, "'test_x' is 1x6 of char"),
    ],
)
def test_a_broken_matlab_file_is_explained(tmp_path, changes, said):
    path = write_mat(tmp_path / "x.mat", **changes)
    with pytest.raises(DataError, match=said) as caught:
        sat6.read_mat(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_matlab_file_is_explained_and_nothing_is_written(tmp_path, compressed, share):
    path = write_mat(tmp_path / "x.mat", compressed=compressed)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"x\.mat"):
        prepared.write(tmp_path / "out", describe("sat6"), sat6.read_mat(path))
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_header_that_promises_more_than_its_file_can_hold(tmp_path):
    path = write_mat(tmp_path / "x.mat", compressed=False)
    content = path.read_bytes()
    # The dimensions of train_x, in the order that they are stored in.
    dimensions = np.array([28, 28, 4, TRAIN], "<i4").tobytes()
    assert content.count(dimensions) == 1
    path.write_bytes(content.replace(dimensions, np.array([28, 28, 4, 2**30], "<i4").tobytes()))
    with pytest.raises(DataError, match="too small for the 1,073,741,829 images"):
        sat6.read_mat(path)


@pytest.mark.parametrize(
    ("number", "edit", "said"),
    [
        (0, lambda text: text.replace("\n", ",1\n", 1), "Expected 3136 columns, got 3137"),
        (0, lambda text: "x" + text[text.index(",") :], "Row #1: .*invalid value 'x'"),
        (0, lambda text: "256" + text[text.index(",") :], "invalid value '256'"),
        (0, lambda text: text[text.index(",") :], "invalid value ''"),
        (0, lambda text: text.split("\n", 1)[1], "has 8 rows, but its label file has 9"),
        (2, lambda text: text + text, "has 10 rows, but its label file has 5"),
        (2, lambda text: text[: len(text) // 2], "columns, got"),
        (1, lambda text: "1,1,0,0,0,0\n" + text, "label of sample 1 is not one-hot"),
        (1, lambda text: text.replace("1", "7"), "is not one-hot"),
        (3, lambda _: "", "Empty CSV file"),
    ],
)
def test_a_broken_csv_file_is_explained_and_nothing_is_written(tmp_path, number, edit, said):
    paths = write_csvs(tmp_path)
    paths[number].write_text(edit(paths[number].read_text()))
    with pytest.raises(DataError, match=said) as caught:
        prepared.write(tmp_path / "out", describe("sat6"), sat6.read_csv(*paths))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def fake_kagglehub(monkeypatch, credentials, download):
    package, config = types.ModuleType("kagglehub"), types.ModuleType("kagglehub.config")
    package.config, package.dataset_download = config, download
    config.get_kaggle_credentials = lambda: credentials
    monkeypatch.setitem(sys.modules, "kagglehub", package)
    monkeypatch.setitem(sys.modules, "kagglehub.config", config)


def test_a_missing_file_without_a_token_names_file_place_and_source(tmp_path, monkeypatch):
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))
    fake_kagglehub(monkeypatch, None, None)
    with pytest.raises(DataError) as caught:
        readers.read("sat6")
    for part in ("sat-6-full.mat: is missing", str(tmp_path / "sat6"), "crawford/deepsat-sat6"):
        assert part in str(caught.value)
    assert "found no Kaggle token" in str(caught.value)


def test_with_a_token_the_file_is_downloaded_into_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))

    def download(handle, path, *, output_dir):
        assert handle == "crawford/deepsat-sat6"
        return str(write_mat(f"{output_dir}/{path}"))

    fake_kagglehub(monkeypatch, object(), download)
    check(readers.read("sat6"))
    assert [path.name for path in (tmp_path / "sat6").iterdir()] == ["sat-6-full.mat"]


@pytest.mark.parametrize("content", [None, b"<html>403</html>"])
def test_a_broken_download_never_becomes_the_file(tmp_path, monkeypatch, content):
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))

    def download(handle, path, *, output_dir):
        if content is None:
            raise ConnectionError("gone")
        with open(f"{output_dir}/{path}", "wb") as file:
            file.write(content)
        return f"{output_dir}/{path}"

    fake_kagglehub(monkeypatch, object(), download)
    with pytest.raises(DataError, match="download from Kaggle failed"):
        readers.read("sat6")
    assert list((tmp_path / "sat6").iterdir()) == []


def test_the_genuine_rows_are_the_same_in_both_layouts(real_data):
    folder = real_data / "sat6"
    mat = sat6.read_mat(folder / "sat-6-subset.mat")
    names = ("train_X", "train_y", "test_X", "test_y")
    csv = sat6.read_csv(*(folder / f"{name}_200.csv" for name in names))
    images = np.concatenate(list(mat.features))
    np.testing.assert_array_equal(images, np.concatenate(list(csv.features)))
    np.testing.assert_array_equal(mat.targets, csv.targets)
    assert images[0, 0, 0].tolist() == [116, 119, 118, 159]
    # Rows 1 to 3 of the label file: road at the fifth place would be column 4.
    assert mat.targets[:3].tolist() == [2, 1, 5]
