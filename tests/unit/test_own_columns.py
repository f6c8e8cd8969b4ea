"""Tables and labels in the forms that programs write: nothing is silently wrong."""

import logging

import numpy as np
import pytest

from nasturtium.data.own import npz, tables
from nasturtium.errors import DataError

ROWS = 40
X = np.random.default_rng(0).random(ROWS).round(3)


def table(folder, name="a.csv", **columns):
    names = list(columns)
    lines = [",".join(names)]
    lines += [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


def read(path, **own):
    described = {
        "format": "csv",
        "path": path,
        "task": "classification",
        "target": "y",
        "reference": {"mlp": [2]},
        **own,
    }
    return tables.read("mine", described)


LABELS = ["a", "b"] * (ROWS // 2)
LABELS_OF_ARRAYS = (0, 1, 2) * 4


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "Unnamed: 0.1", "__index_level_0__"])
def test_row_numbers_are_no_feature(tmp_path, caplog, name):
    path = table(tmp_path, **{name: range(ROWS), "x": X, "y": LABELS})
    with caplog.at_level(logging.WARNING):
        description, samples = read(path)
    assert description.feature_names == ("x",)
    assert samples.features.shape == (ROWS, 1)
    assert "seems to hold row numbers and is left out" in caplog.text
    named, _ = read(path, features=[name, "x"])
    assert named.feature_names == (name, "x")


def test_numbers_that_float32_makes_equal_are_refused(tmp_path):
    seconds = [1_700_000_000 + i for i in range(ROWS)]
    path = table(tmp_path, t=seconds, x=X, y=LABELS)
    with pytest.raises(DataError, match=r"column 't': 40 different numbers become \d+ in float32"):
        read(path)
    description, _ = read(path, features=["x"])
    assert description.feature_names == ("x",)


def test_numbers_of_many_digits_are_rounded_without_a_word(tmp_path, caplog):
    precise = np.random.default_rng(1).random(ROWS)
    read(table(tmp_path, x=precise, y=LABELS))
    assert caplog.text == ""


def test_labels_that_differ_in_blanks_are_refused(tmp_path):
    labels = ["a", "a ", "b", "b"] * (ROWS // 4)
    with pytest.raises(DataError, match="'a' and 'a ' differ only in blanks"):
        read(table(tmp_path, x=X, y=labels))


def test_categories_that_differ_in_blanks_are_refused(tmp_path):
    fuel = ["gas", " gas", "oil", "oil"] * (ROWS // 4)
    with pytest.raises(DataError, match="column 'fuel': ' gas' and 'gas' differ only in blanks"):
        read(table(tmp_path, x=X, fuel=fuel, y=LABELS), categorical=["fuel"])


def test_a_label_that_only_the_test_file_has_is_refused(tmp_path):
    path = table(tmp_path, x=X, y=LABELS)
    test_path = table(tmp_path, "b.csv", x=X, y=["a", "c"] * (ROWS // 2))
    with pytest.raises(
        DataError, match=r"b.csv: column 'y': has the label 'c', which .*a.csv does not"
    ):
        read(path, test_path=test_path)


def test_labels_that_count_from_one_make_no_empty_class(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((6, 3)), y=[1, 2, 3, 1, 2, 3])
    own = {"path": str(tmp_path / "a.npz"), "task": "classification", "reference": {"mlp": [2]}}
    with pytest.raises(DataError, match="no sample has the label 0, though labels start at 0"):
        npz.read("mine", own)
    description, _ = npz.read("mine", {**own, "classes": 4})
    assert description.classes == 4


def archive(folder, x, y=LABELS_OF_ARRAYS, **own):
    np.savez(folder / "a.npz", x=x, y=y, **own.pop("arrays", {}))
    task = own.pop("task", "classification")
    described = {"path": str(folder / "a.npz"), "task": task, "reference": {"mlp": [2]}}
    return npz.read("mine", {**described, **own})


IMAGES = np.random.default_rng(2).integers(0, 256, (12, 8, 8))
IMAGES[0, 0, 0] = 255


@pytest.mark.parametrize(
    "kind",
    "uint8 uint16 int16 int32 uint32 int64 uint64 float16 float32 float64 >i4 >f8".split(),  # noqa: SIM905
)
def test_images_of_one_content_are_equal_in_every_type(tmp_path, kind):
    description, samples = archive(tmp_path, IMAGES.astype(kind))
    assert description.input_scale == 255
    np.testing.assert_array_equal(np.concatenate(list(samples.features))[..., 0], IMAGES)


@pytest.mark.parametrize(
    ("images", "scale"),
    [
        (IMAGES > 100, 1),
        (IMAGES / 255, 1),
        (IMAGES / 127.5 - 1, 1),
        (IMAGES * 257, 65_535),
        (np.uint8(IMAGES > 100), 1),
    ],
)
def test_images_are_divided_by_their_full_scale(tmp_path, images, scale, caplog):
    assert archive(tmp_path, images)[0].input_scale == scale
    assert caplog.text == ""


def test_dark_images_are_said_to_be_taken_for_such(tmp_path, caplog):
    assert archive(tmp_path, IMAGES // 16)[0].input_scale == 255
    assert "is 15, so the images are taken as dark ones with a full scale of 255" in caplog.text
    caplog.clear()
    assert archive(tmp_path, IMAGES // 16, input_scale=15)[0].input_scale == 15
    assert caplog.text == ""


@pytest.mark.parametrize("images", [IMAGES - 128, IMAGES * 1000])
def test_a_scale_that_can_not_be_told_is_asked_for(tmp_path, images):
    with pytest.raises(DataError, match="do not show their full scale; set 'input_scale'"):
        archive(tmp_path, images)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((12, 32, 3), "look like series"),
        ((12, 3, 32), "look like series"),
    ],
)
def test_samples_that_are_no_pictures_are_not_taken_for_such(tmp_path, shape, said):
    x = np.random.default_rng(0).random(shape)
    with pytest.raises(DataError, match=said):
        archive(tmp_path, x)
    whole = [*shape[1:], 1]
    assert archive(tmp_path, x, input_shape=whole)[0].input_shape == tuple(whole)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_both_orders_of_axes_are_equal(tmp_path, channels, caplog):
    x = np.random.default_rng(0).integers(0, 256, (12, 9, 8, channels), np.uint8)
    last, first = archive(tmp_path, x), archive(tmp_path, np.moveaxis(x, -1, 1))
    assert "seem to be pictures with their channels first" in caplog.text
    assert first[0].input_shape == (9, 8, channels)
    declared = archive(tmp_path, np.moveaxis(x, -1, 1), input_shape=[9, 8, channels])
    flat = archive(tmp_path, x.reshape(12, -1), input_shape=[9, 8, channels])
    for _, samples in (last, first, declared, flat):
        np.testing.assert_array_equal(np.concatenate(list(samples.features)), x)
    # A declared shape that fits the array is kept.
    stays = archive(tmp_path, np.moveaxis(x, -1, 1), input_shape=[channels, 9, 8])
    assert stays[0].input_shape == (channels, 9, 8)


NAMED = np.array(["oak", "fir", "oak", "elm"] * 3)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (NAMED, ("elm", "fir", "oak")),
        (NAMED.astype("S"), ("elm", "fir", "oak")),
        (np.tile([2, 1, 2, 0], 3), None),
        (np.eye(3)[np.tile([2, 1, 2, 0], 3)], None),
        (np.eye(3, dtype=bool)[np.tile([2, 1, 2, 0], 3)], None),
        (np.tile([1, 0, 1, -1], 3), ("-1", "0", "1")),
        (np.tile([1.0, 0, 1, -1], 3)[:, np.newaxis], ("-1", "0", "1")),
    ],
)
def test_labels_of_arrays_may_be_texts_signed_or_one_hot(tmp_path, labels, names):
    description, samples = archive(tmp_path, IMAGES, y=labels)
    assert samples.targets.tolist() == [2, 1, 2, 0] * 3
    assert (description.classes, description.class_names) == (3, names)


def test_a_quantity_is_no_class(tmp_path):
    rows = {"a": range(400), "y": [f"{1000 + row * 7.5}" for row in range(400)]}
    path = table(tmp_path, **rows)
    with pytest.raises(DataError, match="400 different values in 400 rows, which is too many"):
        read(path)


@pytest.mark.parametrize("x", [1.7e9 + np.arange(12.0), 10**15 + np.arange(12)])
def test_numbers_of_arrays_that_float32_makes_equal_are_refused(tmp_path, x):
    with pytest.raises(DataError, match="column 1: 12 different numbers become 1 in float32"):
        list(archive(tmp_path, x[:, np.newaxis])[1].features)
    with pytest.raises(DataError, match="subtract a constant from the target"):
        archive(tmp_path, np.zeros((12, 2)), y=x, task="regression")


def test_a_label_that_only_the_test_arrays_have_is_refused(tmp_path):
    arrays = {"tx": IMAGES[:3], "ty": [0, 1, 3]}
    with pytest.raises(DataError, match="array 'ty': has the label 3, which array 'y' of"):
        archive(tmp_path, IMAGES, arrays=arrays, test_features="tx", test_target="ty", classes=4)


def test_categories_that_name_the_rows_are_warned_of(tmp_path, caplog):
    ids = [f"u{i}" for i in range(ROWS)]
    read(table(tmp_path, x=X, id=ids, y=LABELS), categorical=["id"])
    assert "column 'id' has 40 categories in 40 rows" in caplog.text


def test_a_category_of_the_test_file_alone_is_warned_of(tmp_path, caplog):
    path = table(tmp_path, c=["u", "v"] * (ROWS // 2), x=X, y=LABELS)
    test_path = table(tmp_path, "b.csv", c=["u", "w"] * (ROWS // 2), x=X, y=LABELS)
    read(path, test_path=test_path, categorical=["c"])
    assert "has the category 'w'" in caplog.text


def test_all_rows_are_looked_at_for_lost_digits(tmp_path):
    numbers = [*range(1000), *(10**12 + i for i in range(1000))]
    path = table(tmp_path, s=numbers, y=["a", "b"] * 1000)
    with pytest.raises(DataError, match="2,000 different numbers become 1,001"):
        read(path)
