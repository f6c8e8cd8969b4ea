"""Sequences of users: npz, long tables and .ts files, and one sentence for every fault."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tf_keras as keras

from nasturtium.compaction import compact, prunable_parameters, verify
from nasturtium.data import prepared, splits
from nasturtium.data.catalog import Description
from nasturtium.data.splits import Split, TrainingData
from nasturtium.deployment.convert import convert_full_integer, predict_full_integer
from nasturtium.deployment.inputs import describe_inputs, features_of
from nasturtium.deployment.micro import run_micro
from nasturtium.errors import ConfigError, DataError
from nasturtium.measurement.activations import peak_activation_bytes
from nasturtium.measurement.macs import count_macs
from nasturtium.models.files import load_model, save_model
from nasturtium.models.frame import Frame, build_framed
from nasturtium.models.lite import Interpreter
from nasturtium.models.reference_nets import build_reference
from nasturtium.models.search_space import build_net, make_space
from nasturtium.models.weights import count_weights
from nasturtium.settings import configuration
from nasturtium.training.frame_statistics import frame_of
from nasturtium.training.pruned_fit import pruned_fit
from tests.unit.test_own_data import SCHEMA, described, read, refused

VOWELS = Path(__file__).parents[3] / "shared/datasets/japanese_vowels"
X = np.random.default_rng(0).normal(size=(6, 4, 2)).astype(np.float32)
LABELS = np.array([0, 1, 1, 0, 1, 0])


def sequences(path, kind="npz", **more):
    return described(path, kind, **more) | {"kind": "sequence"}


def test_an_archive_of_sequences(tmp_path):
    np.savez(tmp_path / "a.npz", x=X.astype(np.float64), y=LABELS)
    description, features, _ = read(sequences(tmp_path / "a.npz"))
    np.testing.assert_array_equal(features, X)
    assert (description.kind, description.input_shape) == ("sequence", (4, 2))
    assert description.input_scale is None


def test_series_of_one_channel_need_no_axis_for_it(tmp_path):
    np.savez(tmp_path / "a.npz", x=X[..., 0], y=LABELS)
    description, features, _ = read(sequences(tmp_path / "a.npz"))
    np.testing.assert_array_equal(features[..., 0], X[..., 0])
    assert description.input_shape == (4, 1)


def test_series_without_their_kind_are_still_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((6, 32, 3)), y=LABELS)
    refused(described(tmp_path / "a.npz"), "set kind: sequence", tmp_path)
    assert read(sequences(tmp_path / "a.npz"))[0].input_shape == (32, 3)


def test_pictures_are_no_sequences(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((6, 4, 4, 3)), y=LABELS)
    refused(
        sequences(tmp_path / "a.npz"), r"sequences have \(steps,\) or \(steps, channels\)", tmp_path
    )


def test_channels_are_standardised_and_filled_over_all_steps_of_the_train_split(tmp_path):
    x = np.random.default_rng(1).normal([3.0, -50.0], [2.0, 7.0], (40, 5, 2))
    x[3, 2, 1] = np.nan
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2)
    own = sequences(tmp_path / "a.npz", missing="mean")
    description, _, samples = read(own)
    prepared.write(tmp_path / "out", description, samples)
    data = prepared.read(tmp_path / "out")
    splits.write_split(tmp_path / "s.npz", data, {"validation": 0.2, "test": 0.2}, seed=0)
    training = splits.training_data(data, tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as indices:
        train = x[indices["train"]].reshape(-1, 2)
        np.testing.assert_allclose(indices["fill"], np.nanmean(train, axis=0), rtol=1e-6)
    assert np.isfinite(training.train.features).all()
    frame = frame_of(training)
    assert frame.feature_mean.shape == (2,)
    np.testing.assert_allclose(frame.feature_mean, np.nanmean(train, axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(frame.feature_variance), np.nanstd(train, 0), rtol=0.05)


# A row a step


def long_table(samples=X, labels=("u", "v", "v", "u", "v", "u"), ids="cabfed"):
    return pd.DataFrame(
        [
            {"who": name, "t": step, "a": row[0], "b": row[1], "y": label}
            for name, sample, label in zip(ids, samples, labels, strict=True)
            for step, row in enumerate(sample)
        ]
    )


KEYS = {"id": "who", "time": "t", "target": "y"}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_long_table_in_any_order_of_its_steps(tmp_path, kind):
    table = long_table()
    table = table.sample(frac=1, random_state=0)
    path = tmp_path / f"a.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path, index=False)
    description, features, samples = read(sequences(path, kind, **KEYS))
    places = ["cabfed".index(name) for name in table.who.drop_duplicates()]
    np.testing.assert_allclose(features, X[places], rtol=1e-6)
    np.testing.assert_array_equal(samples.targets, LABELS[places])
    assert description.class_names == ("u", "v")
    assert description.feature_names == ("a", "b")


def test_dates_sort_steps(tmp_path):
    table = long_table()
    table["t"] = pd.Timestamp("2024-12-30") + pd.to_timedelta(table.t, "D")
    for kind in ("csv", "parquet"):
        path = tmp_path / f"a.{kind}"
        mixed = table.iloc[::-1]
        mixed.to_csv(path, index=False) if kind == "csv" else mixed.to_parquet(path, index=False)
        features = read(sequences(path, kind, **KEYS))[1]
        np.testing.assert_allclose(features, X[::-1], rtol=1e-6)


def test_a_target_of_numbers_and_chosen_channels(tmp_path):
    table = long_table(labels=np.arange(6) / 2).assign(note="n")
    table.to_parquet(tmp_path / "a.parquet", index=False)
    own = sequences(tmp_path / "a.parquet", "parquet", features=["b"], task="regression", **KEYS)
    description, features, samples = read(own)
    np.testing.assert_array_equal(features, X[..., 1:])
    np.testing.assert_allclose(samples.targets, np.arange(6) / 2)
    assert description.classes is None


def test_samples_of_other_lengths_are_cut_or_continued_as_steps_says(tmp_path):
    table = long_table([*X[:4], X[4][:2], X[5][:3]])
    table.to_csv(tmp_path / "a.csv", index=False)
    refused(sequences(tmp_path / "a.csv", "csv", **KEYS), "2 to 4 steps; set 'steps'", tmp_path)
    features = read(sequences(tmp_path / "a.csv", "csv", steps=3, **KEYS))[1]
    np.testing.assert_allclose(features[:4], X[:4, :3], rtol=1e-6)
    np.testing.assert_allclose(features[4], X[4][[0, 1, 1]], rtol=1e-6)
    np.testing.assert_allclose(features[5], X[5][:3], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(t=0), "two rows with the same 't'"),
        (lambda t: t.assign(y=list("uv" * 12)), "sample 'c' has more than one 'y'"),
        (lambda t: t.assign(t=[None, *t.t[1:]]), "column 't' lacks a value"),
        (lambda t: t.assign(a=[np.nan, *t.a[1:]]), "sample 1 has a missing value"),
        (lambda t: t.drop(columns="who"), "no column 'who'"),
        (lambda t: t[["who", "t", "y"]], "only columns of id, time and target"),
        (
            lambda t: t.assign(a=1.7e9 + t.index / 1e3),
            "'a': 24 different numbers become 1 ",
        ),
    ],
)
def test_a_long_table_that_is_none(tmp_path, change, said):
    change(long_table()).to_parquet(tmp_path / "a.parquet", index=False)
    refused(sequences(tmp_path / "a.parquet", "parquet", **KEYS), said, tmp_path)


# UEA's and UCR's files


def ts(samples=X, labels=LABELS, header="@classLabel true 0 1") -> str:
    lines = [
        ":".join(",".join(f"{v:.9g}" for v in channel) for channel in sample.T) + f":{label}"
        for sample, label in zip(samples, labels, strict=True)
    ]
    return "\n".join(
        ["# a comment", "@problemName x", "@timestamps false", header, "@data", *lines]
    )


def test_a_ts_file_and_its_test_split(tmp_path):
    (tmp_path / "a.ts").write_text(ts())
    with gzip.open(tmp_path / "b.ts.gz", "wt") as file:
        file.write(ts(X[:2], LABELS[:2]))
    own = described(tmp_path / "a.ts", "ts", test_path=str(tmp_path / "b.ts.gz"))
    description, features, samples = read(own)
    np.testing.assert_allclose(features, np.concatenate([X, X[:2]]), rtol=1e-6)
    np.testing.assert_array_equal(samples.targets, [*LABELS, *LABELS[:2]])
    assert samples.test_from == 6
    assert description.kind == "sequence"
    assert description.class_names == ("0", "1")


def test_a_ts_file_with_numbers_for_targets_and_missing_values(tmp_path):
    text = ts(labels=np.arange(6) * 1.5, header="@targetlabel true")
    (tmp_path / "a.ts").write_text(text.replace(f"{X[0, 1, 0]:.9g}", "?"))
    own = described(tmp_path / "a.ts", "ts", task="regression")
    refused(own, "sample 1 has a missing value", tmp_path)
    _, features, samples = read({**own, "missing": "mean"})
    assert np.isnan(features[0, 1, 0])
    assert np.isnan(features).sum() == 1
    np.testing.assert_allclose(samples.targets, np.arange(6) * 1.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("timestamps false", "timestamps true"), "a time for each value"),
        (lambda t: t.replace("classLabel true 0 1", "classLabel false"), "no line '@classlabel"),
        (lambda t: t.replace("true 0 1", "true 0"), "line 7 ends with the label '1'"),
        (lambda t: t + "\n1,2,3,4:0", "line 12 has 1 channels, but the line before has 2"),
        (lambda t: t + "\n1,2:1,2,3:0", "line 12 has channels of different lengths"),
        (lambda t: t + "\n1,2,x,4:1,2,3,4:0", "line 12 has a value that is no number"),
        (lambda t: t + "\n1,2:3,4:0", "2 to 4 steps"),
        (lambda t: t.split("@data")[0], "no samples"),
        (lambda t: "a,b\n1,2\n", "line 1 is not a header line"),
        (lambda t: t.replace("#", "\ud800"), "not a complete text file"),
    ],
)
def test_a_ts_file_that_is_none(tmp_path, change, said):
    (tmp_path / "a.ts").write_bytes(change(ts()).encode("utf-8", "surrogatepass"))
    refused(described(tmp_path / "a.ts", "ts"), said, tmp_path)


@pytest.mark.skipif(not VOWELS.exists(), reason=f"{VOWELS} is not there")
def test_japanese_vowels_as_published():
    files = [VOWELS / f"JapaneseVowels_eq_{part}.ts.gz" for part in ("TRAIN", "TEST")]
    description, features, samples = read(described(files[0], "ts", test_path=str(files[1])))
    assert features.shape == (640, 25, 12)
    assert samples.test_from == 270
    assert np.bincount(samples.targets[:270]).tolist() == [30] * 9
    assert np.bincount(samples.targets[270:]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert features[0, :2, 0].tolist() == pytest.approx([1.860936, 1.906684])
    assert description.class_names == tuple("123456789")


# Descriptions


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"format": "idx", "target_path": "y", "kind": "sequence"}, "idx holds no sequences"),
        ({"format": "csv", "kind": "sequence", "target": "y", "id": "i"}, "lacks the key 'time'"),
        ({"format": "csv", "target": "y", "id": "i"}, "id' means nothing for format csv"),
        ({"format": "npz", "kind": "sequence", "input_scale": 2}, "of kind sequence"),
        ({"format": "npz", "reference": {"cnn1d": {"filters": [2], "dense": []}}}, "is a cnn1d"),
        (
            {"format": "ts", "reference": {"cnn": {"filters": [2], "dense": []}}},
            "is for images; choose a cnn1d",
        ),
        (
            {
                **{"format": "csv", "kind": "sequence", "id": "i", "time": "t", "target": "y"},
                "features": ["t"],
            },
            "has the time 't' among its features",
        ),
    ],
)
def test_descriptions_that_do_not_fit(own, said):
    with pytest.raises(ConfigError, match=said):
        configuration.validated(
            {
                "datasets": ["mine"],
                "own_datasets": {
                    "mine": {
                        **{"path": "x", "task": "classification", "reference": {"mlp": [2]}},
                        **own,
                    }
                },
            },
            SCHEMA,
        )


def test_a_net_for_sequences_is_not_for_tables(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=LABELS)
    own = sequences(tmp_path / "a.npz", reference={"cnn1d": {"filters": [2] * 3, "dense": []}})
    with pytest.raises(DataError, match="halves the steps 3 times"):
        read(own)


# Nets


FRAME = Frame((25, 12), 3, None, feature_mean=np.ones(12), feature_variance=np.full(12, 4.0))


def test_the_reference_net_has_its_sizes_and_is_measured():
    sizes = {"filters": [8, 16], "kernel_size": 3, "dense": [20]}
    model = build_reference("mine", FRAME, {"cnn1d": sizes})
    kernels = (3 * 12 * 8, 3 * 8 * 16, 6 * 16 * 20, 20 * 3)
    assert model.count_params() == sum(kernels) + 8 + 16 + 20 + 3
    assert prunable_parameters(model) == count_weights(model).prunable == sum(kernels)
    assert count_macs(model) == (25 * kernels[0] + 12 * kernels[1] + kernels[2] + kernels[3], None)
    # While the first convolution runs, its input and its output are alive.
    assert peak_activation_bytes(model) == 4 * 25 * (12 + 12)


def separable_net() -> keras.Model:
    layers = keras.layers
    body = [
        layers.Conv1D(8, 3, activation="relu"),
        layers.SpatialDropout1D(0.2),
        layers.SeparableConv1D(6, 3, padding="same", activation="relu"),
        layers.DepthwiseConv1D(3, padding="same"),
        layers.GlobalMaxPooling1D(),
        layers.Dense(3, activation="softmax"),
    ]
    return build_framed(FRAME, body, name="separable")


def test_macs_of_depthwise_and_separable_convolutions_by_hand():
    macs = 23 * (3 * 12 * 8 + 3 * 8 + 8 * 6 + 3 * 6) + 6 * 3
    assert count_macs(separable_net()) == (macs, None)


def test_a_saved_net_of_sequences_loads_and_gives_the_same(tmp_path):
    model = separable_net()
    save_model(model, tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(5, 25, 12)).astype(np.float32)
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(x), model(x))


def test_sequences_are_predicted_as_they_were_trained_on(tmp_path):
    description = Description("mine", "classification", (4, 2), classes=2, impute="mean")
    inputs = describe_inputs(description, np.array([5.0, 6.0]))
    np.testing.assert_array_equal(features_of(inputs, X), X)
    gap = np.where(X[1, 2, 0] == X, np.nan, X)
    assert features_of(inputs, gap)[1, 2, 0] == 5.0
    with pytest.raises(DataError, match=r"takes \(samples, 4, 2\)"):
        features_of(inputs, X[..., 0])


def test_an_int8_file_of_sequences_answers_as_the_net_does():
    keras.utils.set_random_seed(0)
    model = build_reference("mine", FRAME, {"cnn1d": {"filters": [8, 8], "dense": [16]}})
    # Channels of very different scale: one scale for all of them would leave nothing of most.
    x = np.random.default_rng(0).normal(1.0, 2.0, (200, 25, 12)).astype(np.float32)
    content, bare = convert_full_integer(model, x)
    answers = predict_full_integer(content, bare, x)
    assert Interpreter(content).int8_tensors > 0
    assert np.abs(answers - model(x).numpy()).max() < 0.05
    ran = run_micro(content, bare.standardise(x[:8]))
    if ran.reason and "not installed" in ran.reason:
        pytest.skip(ran.reason)
    assert ran.arena_bytes > 25 * 12, ran.reason
    assert ran.largest_difference <= 1


def test_the_search_space_holds_plain_and_separable_convolutions():
    settings = {"kernel_sizes": [3, 5], "conv_blocks": [1, 2], "filters": [4, 8], "units": [8]}
    settings |= {"stages": [1, 2], "stage_blocks": [1]}
    settings |= {"dense_layers": [1], "learning_rates": [0.01]}
    space = make_space(FRAME, settings, [])
    kinds = set()
    for separable in (False, True):
        net = build_net(space, {**space.middle(), "body/separable": separable})
        assert net.input_shape == (None, 25, 12)
        assert count_macs(net)[0] > 0
        assert verify(net, compact(net).model) < 1e-5
        kinds |= {type(layer).__name__ for layer in net.layers}
    assert {"Conv1D", "SeparableConv1D", "MaxPooling1D"} <= kinds


@pytest.mark.parametrize("method", ["magnitude", "channels"])
def test_sequences_are_pruned(method):
    x = np.random.default_rng(0).normal(1, 2, (60, 25, 12)).astype(np.float32)
    split = Split(x, (x.mean(axis=(1, 2)) > 1).astype(np.int64))
    description = Description("mine", "classification", (25, 12), classes=2)
    data = TrainingData(description, split, split)
    sizes = {"filters": [6, 6], "dense": [8]}
    model = build_reference("mine", frame_of(data), {"cnn1d": sizes})
    before = prunable_parameters(model)
    recipe = {"epochs": 3, "batch_size": 8, "optimizer": "adam", "learning_rate": 0.01}
    recipe |= {"schedule": "constant", "weight_decay": 0.0}
    pruning = {"warm_up": 0.1, "recovery": 0.3, "importance": "l2", "round_to": 1}
    _, pruned = pruned_fit(
        model, data, recipe, method=method, ratio=0.5, pruning=pruning, seed=0, label="x"
    )
    if method == "channels":
        assert prunable_parameters(pruned.model) <= 0.5 * before
    else:
        assert count_weights(pruned.model).sparsity == pytest.approx(0.5, abs=0.02)
