"""Data sets of users: every format, and one sentence for every fault."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from PIL import Image

from nasturtium.data import prepared, readers, splits
from nasturtium.data.catalog import Description
from nasturtium.data.own import npz
from nasturtium.data.samples import Samples
from nasturtium.data.splits import Split, TrainingData
from nasturtium.errors import ConfigError, DataError
from nasturtium.settings import configuration
from nasturtium.training.frame_statistics import frame_of
from tests.unit.test_readers import write_idx

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
LABELS = np.array([0, 1, 2, 1, 0, 2])


def images(n=6, shape=(4, 5, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def described(path, kind="npz", **more) -> dict:
    given = {"format": kind, "path": str(path), "task": "classification"}
    return {"reference": {"mlp": [4]}, **given, **more}


def read(own):
    description, samples = readers.read_described("mine", own)
    features = samples.features
    if not isinstance(features, np.ndarray):
        features = np.concatenate(list(features))
    return description, features, samples


def refused(own, said, tmp_path) -> None:
    """One sentence, and nothing is written."""
    with pytest.raises(DataError, match=said) as caught:
        prepared.write(tmp_path / "out", *readers.read_described("mine", own))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


# npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_archive_of_images(tmp_path, monkeypatch, save, order):
    monkeypatch.setattr(npz, "_BLOCK_BYTES", 150)
    save(tmp_path / "a.npz", x=np.asarray(images(), order=order), y=LABELS)
    description, features, samples = read(described(tmp_path / "a.npz"))
    np.testing.assert_array_equal(features, images())
    np.testing.assert_array_equal(samples.targets, LABELS)
    assert features.dtype == np.uint8
    assert (description.classes, description.input_scale) == (3, 255.0)
    assert samples.test_from is None


def test_grey_images_get_an_axis_and_a_test_split_may_be_given(tmp_path):
    arrays = {"x_train": images(6, (4, 5)), "y_train": LABELS}
    arrays |= {"x_test": images(2, (4, 5), 1), "y_test": LABELS[:2, np.newaxis]}
    np.savez(tmp_path / "a.npz", **arrays)
    names = {"features": "x_train", "target": "y_train"}
    names |= {"test_features": "x_test", "test_target": "y_test"}
    description, features, samples = read(described(tmp_path / "a.npz", **names))
    assert description.input_shape == (4, 5, 1)
    assert samples.test_from == 6
    np.testing.assert_array_equal(features[6:, ..., 0], arrays["x_test"])


def test_a_table_of_doubles_becomes_floats_and_is_standardised(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(12.0).reshape(6, 2), y=np.arange(6) * 1.5)
    description, features, _ = read(
        described(tmp_path / "a.npz", task="regression", target_unit="m")
    )
    assert features.dtype == np.float32
    assert (description.classes, description.input_scale, description.target_unit) == (
        None,
        None,
        "m",
    )


@pytest.mark.parametrize(
    ("arrays", "more", "said"),
    [
        ({"y": LABELS}, {}, "has no array 'x', only 'y'"),
        ({"x": images(5), "y": LABELS}, {}, r"has shape \(6,\), but 'x' has 5 samples"),
        ({"x": images(6), "y": LABELS + 8}, {"classes": 10}, "row 3 has the label 10"),
        ({"x": images(6), "y": LABELS - 1}, {"classes": 3}, "row 1 has the label -1"),
        ({"x": images(6), "y": LABELS / 2}, {}, "row 2 has the label 0.5"),
        (
            {"x": images(6), "y": np.array(list("abcabc"))},
            {"task": "regression"},
            "contains texts, but a regression needs numbers",
        ),
        ({"x": images(6), "y": np.full((6, 3), 1)}, {}, "row 1 is not one-hot"),
        ({"x": images(6), "y": LABELS * 0}, {}, "only one class"),
        ({"x": images(6), "y": LABELS}, {"input_shape": [5, 4, 3]}, r"not \(5, 4, 3\)"),
        ({"x": np.zeros((6, 2, 2, 2, 2)), "y": LABELS}, {}, "its samples have shape"),
        ({"x": np.zeros((0, 3)), "y": np.zeros(0)}, {}, "is empty"),
        ({"x": np.full((6, 2), np.nan), "y": LABELS}, {}, "row 1 has a missing value"),
        ({"x": np.full((6, 2), np.inf), "y": LABELS}, {"missing": "mean"}, "row 1 has an infinite"),
        ({"x": np.zeros((6, 3)), "y": LABELS}, {"reference": {"cnn": {}}}, "give it an mlp"),
        ({"x": np.array([None] * 6), "y": LABELS}, {}, "contains Python objects"),
    ],
)
def test_an_archive_that_does_not_fit_is_explained(tmp_path, arrays, more, said):
    np.savez(tmp_path / "a.npz", **arrays)
    refused(described(tmp_path / "a.npz", **more), said, tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.9])
def test_a_truncated_archive_is_explained(tmp_path, keep):
    np.savez_compressed(tmp_path / "a.npz", x=images(), y=LABELS)
    content = (tmp_path / "a.npz").read_bytes()
    size = int(len(content) * keep) if isinstance(keep, float) else keep
    (tmp_path / "a.npz").write_bytes(content[:size])
    refused(described(tmp_path / "a.npz"), "can't be read", tmp_path)


def npy(shape, body: bytes) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return file.getvalue() + body


def test_a_zip_bomb_s_header_is_not_believed(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy((2**40, 28, 28, 1), b"\0" * 100))
        archive.writestr("y.npy", npy((6,), b"\0" * 6))
    refused(described(path), "its size is another one", tmp_path)
    # One whose directory lies too: the size of the member is written over.
    real = struct.pack("<I", len(npy((2**31, 1, 1, 1), b"\0" * 100)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy((2**31, 1, 1, 1), b"\0" * 100))
        archive.writestr("y.npy", npy((6,), b"\0" * 6))
    header = len(npy((2**31, 1, 1, 1), b""))
    content = path.read_bytes().replace(real, struct.pack("<I", 2**31 + header))
    path.write_bytes(content)
    refused(described(path), "states a size that its compressed bytes can't have", tmp_path)


def test_a_pickle_in_an_archive_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            import os

            return os.system, (f"touch {tmp_path}/ran",)

    np.savez(tmp_path / "a.npz", x=np.array([Evil()], dtype=object), y=LABELS)
    refused(described(tmp_path / "a.npz"), "Python objects", tmp_path)
    assert not (tmp_path / "ran").exists()


# idx


@pytest.mark.parametrize("compressed", [True, False])
def test_idx_files(tmp_path, compressed):
    import gzip

    paths = []
    for name, array in (("x", images(6, (4, 5))), ("y", LABELS)):
        path = write_idx(tmp_path / f"{name}.idx", array)
        if not compressed:
            path.write_bytes(gzip.decompress(path.read_bytes()))
        paths.append(str(path))
    own = described(paths[0], "idx", target_path=paths[1])
    description, features, _ = read(own)
    np.testing.assert_array_equal(features[..., 0], images(6, (4, 5)))
    assert description.classes == 3
    refused({**own, "classes": 2}, "row 3 has the label 2", tmp_path)
    refused({**own, "target_path": paths[0]}, "one target for each sample", tmp_path)
    Path(paths[1]).write_bytes(b"")
    refused(own, "magic number", tmp_path)


# csv and parquet

TABLE = "age,fuel,power,price\n1,gas,90.5,10\n2,oil,100,20\n3,gas,80,30\n"


def table(tmp_path, text=TABLE, **more) -> dict:
    (tmp_path / "a.csv").write_text(text)
    given = {"task": "regression", "target": "price", "categorical": ["fuel"]}
    return described(tmp_path / "a.csv", "csv", **{**given, **more})


def parquet(tmp_path, columns, **more) -> dict:
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    given = {"task": "regression", "target": "price"}
    return described(tmp_path / "a.parquet", "parquet", **{**given, **more})


def test_a_csv_file(tmp_path):
    description, features, samples = read(table(tmp_path))
    assert description.feature_names == ("age", "power", "fuel=gas", "fuel=oil")
    assert features.tolist() == [[1, 90.5, 1, 0], [2, 100, 0, 1], [3, 80, 1, 0]]
    assert samples.targets.tolist() == [10, 20, 30]
    description, features, _ = read(table(tmp_path, features=["age"], categorical=[]))
    assert features.tolist() == [[1], [2], [3]]


def test_a_parquet_file(tmp_path):
    columns = {"age": [1, 2], "on": [True, False], "fuel": ["gas", None], "price": [1.5, 2]}
    _, features, samples = read(parquet(tmp_path, columns, categorical=["fuel"]))
    assert features.tolist() == [[1, 1, 1 - 1, 1], [2, 0, 1, 0]]
    assert samples.targets.tolist() == [1.5, 2]


def test_labels_may_be_text_or_numbers(tmp_path):
    text = "a,kind\n1,cat\n2,dog\n3,cat\n"
    more = {"task": "classification", "target": "kind", "categorical": []}
    description, _, samples = read(table(tmp_path, text, **more))
    assert samples.targets.tolist() == [0, 1, 0]
    assert description.class_names == ("cat", "dog")
    text = "a,kind\n1,10\n2,9\n3,10\n"
    description, _, samples = read(table(tmp_path, text, **more))
    assert description.class_names == ("9", "10")
    refused(table(tmp_path, text, classes=10, **more), "row 2 has the label 10", tmp_path)
    text = text.replace("10", "1").replace("9", "0")
    description, _, samples = read(table(tmp_path, text, classes=10, **more))
    assert samples.targets.tolist() == [1, 0, 1]


def test_columns_of_pixels_are_images(tmp_path):
    pixels = images(3, (2, 2, 1)).reshape(3, 4)
    rows = [",".join(map(str, row)) + f",{i % 2}" for i, row in enumerate(pixels)]
    text = "\n".join(["a,b,c,d,price", *rows]) + "\n"
    more = {"task": "classification", "categorical": [], "input_shape": [2, 2, 1]}
    description, features, _ = read(table(tmp_path, text, **more))
    assert features.dtype == np.uint8
    np.testing.assert_array_equal(features.reshape(3, 4), pixels)
    assert description.is_image
    refused(
        table(tmp_path, text, **{**more, "input_shape": [3, 2, 1]}),
        "do not fit samples of",
        tmp_path,
    )


def test_a_test_split_of_its_own_shares_the_categories(tmp_path):
    (tmp_path / "b.csv").write_text(TABLE.replace("oil", "coal"))
    own = table(tmp_path, test_path=str(tmp_path / "b.csv"))
    description, features, samples = read(own)
    assert samples.test_from == 3
    assert description.feature_names[2:] == ("fuel=coal", "fuel=gas", "fuel=oil")
    assert features[:, 2].tolist() == [0, 0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("", {}, "not a sound CSV file .Empty CSV file"),
        ("age,fuel,power\n1,gas,2\n", {}, "has no column 'price'; it has age, fuel, power"),
        (TABLE.replace("price", "prize"), {}, "did you mean 'prize'"),
        (TABLE.replace("80", "much"), {}, "row 4 .* has 'much' in the column 'power'"),
        (TABLE.replace("gas", "x"), {"categorical": []}, "row 2 .* has 'x' in the column 'fuel'"),
        (TABLE.replace("20", "dear"), {}, "row 3 .* has 'dear' in the column 'price'"),
        (
            TABLE.replace("80", ""),
            {},
            "column 'power': row 4 has a missing value; correct it or set",
        ),
        (TABLE.replace("80", "1e999"), {"missing": "mean"}, "row 4 has an infinite value"),
        (TABLE.replace("80", "1e300"), {"missing": "mean"}, "row 4 has an infinite value"),
        (TABLE.replace(",30", ","), {}, "column 'price': row 4 has no finite target"),
        (TABLE + "1,2\n", {}, "Expected 4 columns, got 2"),
        (TABLE.replace("age", "power"), {}, "has the column 'power' twice"),
        ("age,fuel,power,price\n", {}, "has no rows"),
        ("price\n1\n", {"categorical": []}, "no column besides its target"),
    ],
)
def test_a_broken_csv_file_is_explained(tmp_path, text, more, said):
    own = table(tmp_path, text, **more)
    if said is None:  # not UTF-8
        (tmp_path / "a.csv").write_bytes(text.encode("latin1"))
        said = "not a sound CSV file"
    refused(own, said, tmp_path)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"age": [1], "price": ["dear"]}, "column 'price' holds string, not numbers"),
        ({"age": [[1]], "price": [1]}, "column 'age' holds list"),
        ({"age": [1]}, "has no column 'price'"),
        ({"age": [1, None], "price": [1, 2]}, "row 2 has a missing value"),
    ],
)
def test_a_parquet_file_that_does_not_fit_is_explained(tmp_path, columns, said):
    refused(parquet(tmp_path, columns), said, tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 50 + b"PAR1"])
def test_a_broken_parquet_file_is_explained(tmp_path, content):
    own = parquet(tmp_path, {"age": [1], "price": [1]})
    (tmp_path / "a.parquet").write_bytes(content)
    refused(own, "not a sound Parquet file", tmp_path)


def test_text_that_is_no_utf_8_is_explained(tmp_path):
    own = parquet(tmp_path, {"age": ["young"], "price": [1]}, categorical=["age"])
    path = tmp_path / "a.parquet"
    # Not compressed, so that the file contains the text itself.
    pyarrow.parquet.write_table(
        pa.table({"age": ["young"], "price": [1]}), path, compression="none", use_dictionary=False
    )
    path.write_bytes(path.read_bytes().replace(b"young", b"y\x80ung"))
    refused(own, "not a sound Parquet file", tmp_path)


# folders of images


def folders(tmp_path, sizes=((5, 4), (5, 4))) -> dict:
    for label, name in enumerate(("cat", "dog")):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for i, size in enumerate(sizes):
            colour = (200, 10 * i, 0) if label else (0, 10 * i, 200)
            Image.new("RGB", size, colour).save(folder / f"{i}.{('png', 'bmp')[i % 2]}")
    (tmp_path / "pictures" / ".hidden").mkdir()
    return described(tmp_path / "pictures", "folder-of-images", input_shape=[4, 5, 3])


def test_a_folder_of_images(tmp_path):
    description, features, samples = read(folders(tmp_path, ((5, 4), (10, 8))))
    assert description.class_names == ("cat", "dog")
    assert samples.targets.tolist() == [0, 0, 1, 1]
    assert features.shape == (4, 4, 5, 3)
    assert features[3, 0, 0].tolist() == [200, 10, 0]  # resized from twice the size


def test_grey_is_made_of_colour_where_one_channel_is_asked_for(tmp_path):
    own = {**folders(tmp_path), "input_shape": [4, 5, 1]}
    assert read(own)[1].shape == (4, 4, 5, 1)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 30, b"%!PS-Adobe-3.0 EPSF"]
)
def test_a_broken_image_is_explained(tmp_path, content):
    own = folders(tmp_path)
    (tmp_path / "pictures/dog/0.png").write_bytes(content)
    refused(own, "dog/0.png: can't be read as an image", tmp_path)


def test_an_image_whose_header_promises_a_huge_one_is_not_decoded(tmp_path):
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))
    own = folders(tmp_path)
    (tmp_path / "pictures/dog/0.png").write_bytes(png + chunk(b"IEND", b""))
    refused(own, r"dog/0.png", tmp_path)


def test_folders_that_are_no_classes_are_explained(tmp_path):
    own = folders(tmp_path)
    (tmp_path / "pictures/none").mkdir()
    refused(own, "none: has no PNG, JPEG or BMP file", tmp_path)
    refused({**own, "path": str(tmp_path / "pictures/dog")}, "has 0 folders", tmp_path)


# the configuration


def own_config(**more) -> dict:
    own = {"format": "csv", "path": "a.csv", "task": "regression", "target": "y"}
    return {
        "datasets": ["mine"],
        "own_datasets": {"mine": {**own, "reference": {"mlp": [4]}, **more}},
    }


def test_an_own_data_set_is_one_like_the_others():
    config = own_config(split={"test": 0.3})
    config["per_dataset"] = {"mine": {"training": {"epochs": 2}, "split": {"validation": 0.2}}}
    config = configuration.validated(config, SCHEMA)
    resolved = configuration.for_dataset(config, "mine")
    assert resolved["split"] == {"validation": 0.2, "test": 0.3}
    assert resolved["training"]["epochs"] == 2
    # How it is split does not change how it is read.
    assert "split" not in configuration.own_description(config, "mine")
    assert configuration.own_description(config, "digits") is None


def test_validation_leaves_the_schema_as_it_was():
    configuration.validated(own_config(), SCHEMA)
    with pytest.raises(ConfigError, match="must be one of digits"):
        configuration.validated({"datasets": ["mine"]}, SCHEMA)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"separator": ";;"}, "own_datasets.mine.separator"),
        ({"target_path": "b"}, "'own_datasets.mine.target_path' means nothing for format csv"),
        ({"format": "npz", "categorical": ["a"]}, "categorical' means nothing for format npz"),
        ({"format": "idx", "target": "y"}, "means nothing for format idx"),
        ({"classes": 3}, "classes' means nothing for a regression"),
        ({"features": ["y"]}, "has the target 'y' among its features"),
        ({"features": ["a"], "categorical": ["b"]}, "'b', which is not among its features"),
        ({"reference": {"mlp": [4], "cnn": {"filters": [], "dense": []}}}, "needs one of mlp, cnn"),
        ({"reference": {"cnn": {"filters": [4], "dense": [4]}}}, "columns are no images"),
        (
            {"reference": {"cnn": {"filters": [4] * 3, "dense": []}}, "input_shape": [4, 4, 1]},
            "too often for input_shape",
        ),
        ({"missing": "guess"}, "must be one of error, mean, median"),
        ({"path": ""}, "own_datasets.mine.path"),
    ],
)
def test_a_wrong_description_is_one_sentence(more, said):
    with pytest.raises(ConfigError, match=said) as caught:
        configuration.validated(own_config(**more), SCHEMA)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a; touch x", "../x", "A", "", "a b", "a\n", "{x}", "mnist"])
def test_a_name_that_would_not_be_one_of_a_folder_is_refused(name):
    config = own_config()
    config["own_datasets"] = {name: config["own_datasets"]["mine"]}
    config["datasets"] = ["digits"]
    with pytest.raises(ConfigError, match=r"small letters|built-in data set|control character"):
        configuration.validated(config, SCHEMA)


# what a net sees of it


def test_missing_values_are_filled_from_the_train_split_alone(tmp_path):
    features = np.arange(40, dtype=np.float32).reshape(20, 2)
    features[::5, 1] = np.nan
    description = Description("mine", "regression", (2,), reference={"mlp": [2]}, impute="mean")
    targets = np.arange(20, dtype=np.float32)
    prepared.write(tmp_path / "p", description, Samples(features, targets))
    data = prepared.read(tmp_path / "p")
    assert data.description == description
    splits.write_split(tmp_path / "s.npz", data, {"validation": 0.2, "test": 0.2}, seed=1)
    indices = np.load(tmp_path / "s.npz")
    mean = np.nanmean(features[indices["train"], 1])
    assert mean != pytest.approx(np.nanmean(features[:, 1]))
    training, test = splits.training_data(data, tmp_path / "s.npz"), None
    test = splits.test_data(data, tmp_path / "s.npz")
    for name, split in (
        ("train", training.train),
        ("validation", training.validation),
        ("test", test),
    ):
        chosen = features[indices[name], 1]
        np.testing.assert_allclose(split.features[:, 1], np.where(np.isnan(chosen), mean, chosen))


def test_a_column_that_the_train_split_lacks_is_explained(tmp_path):
    features = np.full((20, 2), np.nan, np.float32)
    features[:, 0] = 1
    description = Description(
        "mine", "regression", (2,), impute="mean", feature_names=("a", "b"), reference="diabetes"
    )
    prepared.write(tmp_path, description, Samples(features, np.ones(20, np.float32)))
    with pytest.raises(DataError, match="column 'b' has no value in the train split"):
        splits.write_split(
            tmp_path / "s.npz", prepared.read(tmp_path), {"validation": 0.2, "test": 0.2}, seed=1
        )


def test_a_constant_column_is_not_divided_by_nothing():
    split = Split(np.array([[1, 0], [2, 0]], np.float32), np.array([1, 1], np.float32))
    frame = frame_of(TrainingData(Description("mine", "regression", (2,)), split, split))
    assert frame.feature_variance.tolist() == [0.25, 1]
    assert frame.target_std == 1
