"""Texts of users: tokens, a vocabulary of the train split, the net of Kim 2014."""

import numpy as np
import pandas as pd
import pytest
import tf_keras as keras

from nasturtium.compaction import compact, verify
from nasturtium.data import prepared, splits, text
from nasturtium.deployment.inputs import features_of
from nasturtium.deployment.predictor import describe_model
from nasturtium.errors import ConfigError, DataError
from nasturtium.measurement.macs import count_macs
from nasturtium.models.frame import Frame
from nasturtium.models.reference_nets import build_reference
from nasturtium.models.search_space import build_net, make_space
from nasturtium.settings import configuration
from nasturtium.training.frame_statistics import frame_of
from tests.unit.test_own_data import SCHEMA, described, read, refused

NET = {"textcnn": {"embedding": 6, "filters": 4, "kernel_sizes": [2, 3], "dense": []}}
WORDS = ("good", "fine", "dull", "bad")


def own(path, kind="csv", **more):
    keys = {"kind": "text", "text": "text", "target": "mood", "length": 4, "reference": NET}
    return {**described(path, kind), **keys, **more}


def table(n=40) -> pd.DataFrame:
    """Each ``rare<i>`` is in one text, ``good`` and others are in a quarter of the texts."""
    texts = [f"A {WORDS[i % 4]} film, rare{i}" for i in range(n)]
    moods = ["up" if i % 4 < 2 else "down" for i in range(n)]
    return pd.DataFrame({"text": texts, "mood": moods, "score": np.arange(n) % 4 - 1.0})


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"tokens": "words"}, ["it's", "so", "-", "so", ",", "é2", "!"]),
        ({"tokens": "whitespace"}, ["it's", "so-so,", "é2!"]),
        ({"tokens": "characters", "ngram": 6}, ["it's s", "t's so", "'s so-", "s so-s"]),
    ],
)
def test_tokens(settings, found):
    assert text.tokens_of(" It's  so-so, \u00c92!", settings)[: len(found)] == found


@pytest.mark.parametrize("short", ["", "  "])
def test_a_text_without_tokens_is_all_padding(short):
    settings = {"tokens": "characters", "ngram": 3, "length": 2}
    assert text.encoded([short], settings, {}, 1).tolist() == [[0, 0]]
    assert text.tokens_of("ab", settings) == ["ab"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_vocabulary_is_the_train_split_s(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    frame = table()
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)
    given = own(path, kind, length=5, vocabulary=7)
    description, _, samples = read(given)
    assert (description.kind, description.class_names) == ("text", ("down", "up"))
    prepared.write(tmp_path / "out", description, samples)
    data = prepared.read(tmp_path / "out")
    seen = set()
    for seed in (0, 1):
        split = tmp_path / f"{seed}.npz"
        splits.write_split(split, data, {"validation": 0.25, "test": 0.25}, seed)
        training, test = splits.training_data(data, split), splits.test_data(data, split)
        words = splits.split_card(split, data)["vocabulary"]
        assert set(words[:3]) == {"a", "film", ","}
        assert {*words[3:]} == set(WORDS)
        train = splits.split_indices(split, "train")
        tokens = [text.tokens_of(frame.text[i], {"tokens": "words"})[:5] for i in train]
        number = text.numbers_of(words)
        expected = [[number.get(token, text.UNKNOWN) for token in row] for row in tokens]
        np.testing.assert_array_equal(training.train.features, expected)
        assert training.train.features.dtype == np.int32
        assert (test.features[:, 4] == text.UNKNOWN).all()
        assert frame_of(training).vocabulary == 9
        # What is deployed reads a text as the training did.
        inputs = describe_model(description, None, words)["input"]
        np.testing.assert_array_equal(features_of(inputs, list(frame.text[train])), expected)
        seen.add(tuple(train))
    assert len(seen) == 2


def test_words_of_the_test_split_alone_are_unknown(tmp_path):
    for name, words in (("a", ["old"] * 20), ("b", ["new"] * 4)):
        moods = ["up", "down"] * (len(words) // 2)
        pd.DataFrame({"text": words, "mood": moods}).to_csv(tmp_path / f"{name}.csv", index=False)
    given = own(tmp_path / "a.csv", test_path=str(tmp_path / "b.csv"))
    description, _, samples = read(given)
    prepared.write(tmp_path / "out", description, samples)
    data = prepared.read(tmp_path / "out")
    splits.write_split(tmp_path / "s.npz", data, {"validation": 0.2, "test": 0.2}, 0)
    assert splits.stored_words(tmp_path / "s.npz", data) == ["old"]
    assert splits.test_data(data, tmp_path / "s.npz").features[:, 0].tolist() == [text.UNKNOWN] * 4


def test_a_threshold_makes_classes_and_leaves_out_what_lies_on_it(tmp_path, caplog):
    table().to_csv(tmp_path / "a.csv", index=False)
    given = own(tmp_path / "a.csv", target="score", threshold=0)
    description, features, samples = read(given)
    assert description.class_names == ("below 0", "above 0")
    assert samples.targets.tolist() == [0, 1, 1] * 10
    assert len(features) == 30
    assert "10 of 40 rows" in caplog.text


def test_a_regression_on_texts(tmp_path):
    table().to_csv(tmp_path / "a.csv", index=False)
    description, _, samples = read(own(tmp_path / "a.csv", target="score", task="regression"))
    assert description.classes is None
    assert samples.targets[:4].tolist() == [-1, 0, 1, 2]


def test_a_missing_text_is_refused(tmp_path):
    frame = table()
    frame.loc[3, "text"] = None
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    refused(own(tmp_path / "a.parquet", "parquet"), "'text': row 4 is empty", tmp_path)


FRAME = Frame((12,), 2, vocabulary=30)


def test_the_reference_net_is_that_of_kim():
    model = build_reference("mine", FRAME, NET)
    assert model.count_params() == 30 * 6 + (2 + 3) * 6 * 4 + 2 * 4 + 8 * 2 + 2
    assert count_macs(model) == (11 * 2 * 6 * 4 + 10 * 3 * 6 * 4 + 8 * 2, None)
    assert model.inputs[0].dtype == "int32"


def test_the_search_space_varies_embedding_filters_and_kernel():
    settings = {"embeddings": [4, 8], "filters": [3, 6], "kernel_sizes": [2, 3], "units": [4]}
    settings |= {"dense_layers": [1], "learning_rates": [0.01]}
    space = make_space(FRAME, settings, [])
    sizes = set()
    for values in space.corners():
        net = build_net(space, values)
        embedding = next(la for la in net.layers if isinstance(la, keras.layers.Embedding))
        conv = next(la for la in net.layers if isinstance(la, keras.layers.Conv1D))
        sizes.add((embedding.output_dim, conv.filters, conv.kernel_size[0]))
        assert net.inputs[0].dtype == "int32"
    assert {(4, 3, 2), (8, 6, 3)} <= sizes
    assert verify(net, compact(net).model) < 1e-5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"format": "npz"}, "npz holds no texts"),
        ({"text": None}, "text"),
        ({"input_scale": 2}, "means nothing for format csv of kind text"),
        ({"reference": {"mlp": [2]}}, "must be a textcnn"),
        ({"kind": "sequence", "id": "i", "time": "t"}, "means nothing"),
    ],
)
def test_descriptions_that_do_not_fit(more, said):
    mine = {**own("a.csv"), **more}
    with pytest.raises(ConfigError, match=said):
        configuration.validated({"datasets": ["mine"], "own_datasets": {"mine": mine}}, SCHEMA)


def test_texts_are_predicted_from_texts_alone():
    inputs = {"kind": "text", "shape": [2], "tokens": "words", "length": 2, "words": ["a"]}
    assert features_of(inputs, "a b c").tolist() == [[2, 1]]
    with pytest.raises(DataError, match="are not all texts"):
        features_of(inputs, [1, 2])
