"""Tables and labels as programs write them: nothing is silently wrong."""

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


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__"])
def test_row_numbers_are_no_feature(tmp_path, caplog, name):
    path = table(tmp_path, **{name: range(ROWS), "x": X, "y": LABELS})
    with caplog.at_level(logging.WARNING):
        description, samples = read(path)
    assert description.feature_names == ("x",)
    assert np.asarray(samples.features).shape == (ROWS, 1)
    assert "taken for row numbers and left out" in caplog.text
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
    with pytest.raises(DataError, match="'a' and 'a ' differ in blanks only"):
        read(table(tmp_path, x=X, y=labels))


def test_categories_that_differ_in_blanks_are_refused(tmp_path):
    fuel = ["gas", " gas", "oil", "oil"] * (ROWS // 4)
    with pytest.raises(DataError, match="column 'fuel': ' gas' and 'gas' differ in blanks"):
        read(table(tmp_path, x=X, fuel=fuel, y=LABELS), categorical=["fuel"])


def test_a_label_that_only_the_test_file_has_is_refused(tmp_path):
    path = table(tmp_path, x=X, y=LABELS)
    test_path = table(tmp_path, "b.csv", x=X, y=["a", "c"] * (ROWS // 2))
    with pytest.raises(DataError, match=r"b.csv: column 'y': has the label 'c', which .*a.csv has"):
        read(path, test_path=test_path)


def test_labels_that_count_from_one_make_no_empty_class(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((6, 3)), y=[1, 2, 3, 1, 2, 3])
    own = {"path": str(tmp_path / "a.npz"), "task": "classification", "reference": {"mlp": [2]}}
    with pytest.raises(DataError, match="no sample has the label 0, though labels count from 0"):
        npz.read("mine", own)
    description, _ = npz.read("mine", {**own, "classes": 4})
    assert description.classes == 4
