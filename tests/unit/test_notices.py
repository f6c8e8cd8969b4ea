"""Warnings about data are in the log, on the cards and in the report."""

import json
import logging

import numpy as np
import pytest

from nasturtium.data import prepared, splits
from nasturtium.data.catalog import Description
from nasturtium.data.samples import Blocks, Samples
from nasturtium.errors import DataError
from nasturtium.report.data_page import data_sets
from nasturtium.stages import prepare_data, split_data

SHARES = {"validation": 0.2, "test": 0.2}


def prepare(folder, counts, test_from=None):
    """A data set with the given number of samples of each class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    names = tuple("abcdefghijklmn"[: len(counts)])
    description = Description(
        "flowers", "classification", (1,), classes=len(counts), class_names=names
    )
    features = np.arange(len(labels), dtype=np.float32).reshape(-1, 1)
    prepared.write(folder, description, Samples(features, labels, test_from=test_from))
    return folder


def split(folder, seed=0) -> dict:
    split_data.run(seed, folder, folder / "s.npz", folder / "s.json", SHARES)
    return json.loads((folder / "s.json").read_text())


@pytest.mark.parametrize("seed", range(4))
def test_a_class_that_a_split_lacks_is_said_on_its_card(tmp_path, caplog, seed):
    card = split(prepare(tmp_path, [40, 40, 2]), seed)
    lacking = [n for n in ("validation", "test") if card[n]["label_counts"][2] == 0]
    assert lacking  # two samples can't be in three splits
    assert card["train"]["label_counts"][2] > 0
    assert len(card["warnings"]) == len(lacking)
    for name, said in zip(lacking, card["warnings"], strict=True):
        assert f"the {name} split has no sample of class 'c'" in said
        assert said in caplog.messages


def test_classes_that_all_splits_have_are_not_warned_of(tmp_path):
    card = split(prepare(tmp_path, [40, 40, 10]))
    assert card["warnings"] == []
    assert all(0 not in card[name]["label_counts"] for name in ("train", "validation", "test"))


def test_a_class_that_a_published_test_split_lacks_is_said(tmp_path):
    labels = np.tile([0, 1], 30)
    labels[:20] = np.tile([0, 2], 10)
    description = Description("flowers", "classification", (1,), classes=3)
    features = np.zeros((60, 1), np.float32)
    prepared.write(tmp_path, description, Samples(features, labels, test_from=40))
    assert "the test split has no sample of class '2'" in split(tmp_path)["warnings"][0]


def test_a_class_of_one_sample_is_refused_by_its_name(tmp_path):
    with pytest.raises(DataError, match="class 'b' has only one sample"):
        split(prepare(tmp_path, [40, 1, 40]))
    assert not (tmp_path / "s.npz").exists()


def test_stratified_splits_are_what_they_were(tmp_path):
    from sklearn.model_selection import train_test_split

    data = prepared.read(prepare(tmp_path, [40, 30, 20]))
    splits.write_split(tmp_path / "s.npz", data, SHARES, 3)
    _, test = train_test_split(np.arange(90), test_size=0.2, random_state=3, stratify=data.targets)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npz")["test"], np.sort(test))


def test_warnings_of_reading_stand_on_the_card_though_they_come_late(tmp_path, monkeypatch, caplog):
    logger = logging.getLogger("nasturtium.data.own.some_format")

    def blocks():
        logger.warning("block: %s", "odd")
        logger.warning("block: %s", "odd")
        logger.info("nothing")
        yield np.zeros((4, 1), np.float32)

    def read(dataset, own):
        logger.warning("header: odd")
        features = Blocks((4, 1), np.dtype(np.float32), blocks)
        return Description("x", "regression", (1,)), Samples(features, np.zeros(4, np.float32))

    monkeypatch.setattr("nasturtium.data.readers.read_described", read)
    prepare_data.run("x", tmp_path)
    card = json.loads((tmp_path / "dataset.json").read_text())
    assert card["warnings"] == ["header: odd", "block: odd"]
    assert "header: odd" in caplog.messages


def test_the_report_has_the_warnings_and_the_classes_by_name(tmp_path):
    folder = prepare(tmp_path, [40, 40, 2])
    sizes = split(folder)
    card = json.loads((folder / "dataset.json").read_text()) | {"warnings": ["<b> & odd"]}
    text = data_sets({"flowers": card}, {"flowers": [sizes]})
    assert "&lt;b&gt; &amp; odd" in text
    assert "Seed 0: Data set" in text
    assert "<td>c</td>" in text
    assert "http" not in text
