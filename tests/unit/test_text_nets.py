"""Nets over tokens: an embedding is compacted, pruned and measured like any other layer."""

import numpy as np
import pytest
import tf_keras as keras

from nasturtium.compaction import compact, prunable_parameters, verify
from nasturtium.data.catalog import Description
from nasturtium.data.splits import Split, TrainingData
from nasturtium.deployment.convert import convert_full_integer, predict_full_integer
from nasturtium.deployment.micro import run_micro
from nasturtium.measurement.latency import measure_latency
from nasturtium.measurement.macs import count_macs
from nasturtium.measurement.quality import predict
from nasturtium.measurement.tflite import measure_tflite
from nasturtium.models.files import load_model, save_model
from nasturtium.models.weights import count_weights
from nasturtium.training.pruned_fit import pruned_fit

layers = keras.layers
TOKENS = np.random.default_rng(0).integers(0, 40, (80, 12)).astype(np.int32)


def net(width=6, filters=4) -> keras.Model:
    inputs = keras.Input((12,), dtype="int32")
    x = layers.Embedding(40, width, name="embedding")(inputs)
    parts = [
        layers.GlobalMaxPooling1D()(
            layers.Conv1D(filters, k, activation="relu", name=f"conv_{k}")(x)
        )
        for k in (2, 3)
    ]
    x = layers.Dense(2, activation="softmax", name="output")(layers.Concatenate()(parts))
    return keras.Model(inputs, x)


def test_columns_of_an_embedding_go_with_what_reads_them():
    model = net()
    table = model.get_layer("embedding").embeddings
    values = table.numpy()
    values[:, 2], values[:, 4] = 0, 0.7  # gone, and folded into the biases
    table.assign(values)
    result = compact(model)
    assert result.model.get_layer("embedding").output_dim == 4
    assert verify(model, result.model, TOKENS) < 1e-5
    assert prunable_parameters(model) == 40 * 6 + (2 + 3) * 6 * 4 + 8 * 2
    assert prunable_parameters(result.model) == 40 * 4 + (2 + 3) * 4 * 4 + 8 * 2
    assert count_weights(model).prunable == prunable_parameters(model)


def test_a_masking_embedding_is_left_alone():
    inputs = keras.Input((12,), dtype="int32")
    x = layers.Embedding(40, 6, mask_zero=True)(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))
    table = model.layers[1].embeddings
    table.assign(np.where(np.arange(6) == 2, 0, table.numpy()))
    result = compact(model)
    assert result.params_after == result.params_before
    assert verify(model, result.model, TOKENS) < 1e-5


def test_a_net_over_tokens_is_measured(tmp_path):
    model = net()
    assert count_macs(model) == (11 * 2 * 6 * 4 + 10 * 3 * 6 * 4 + 8 * 2, None)
    save_model(model, tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(again, TOKENS), model(TOKENS).numpy())
    assert measure_latency(model, 2, 20)["latency_p50_ms"] > 0
    assert measure_tflite(model, 2, 20)["tflite_reason"] is None


def test_an_int8_file_takes_tokens_as_they_are():
    keras.utils.set_random_seed(0)
    model = net()
    content, bare = convert_full_integer(model, TOKENS)
    answers = predict_full_integer(content, bare, TOKENS)
    assert np.abs(answers - model(TOKENS).numpy()).max() < 0.02
    ran = run_micro(content, TOKENS[:8])
    if ran.reason and "not installed" in ran.reason:
        pytest.skip(ran.reason)
    assert ran.arena_bytes > 0, ran.reason
    assert ran.largest_difference <= 1


@pytest.mark.parametrize("method", ["magnitude", "channels"])
def test_embeddings_are_pruned(method):
    keras.utils.set_random_seed(0)
    model = net()
    before = prunable_parameters(model)
    split = Split(TOKENS, (TOKENS[:, 0] < 20).astype(np.int64))
    data = TrainingData(Description("mine", "classification", (12,), classes=2), split, split)
    recipe = {"epochs": 3, "batch_size": 8, "optimizer": "adam", "learning_rate": 0.01}
    recipe |= {"schedule": "constant", "weight_decay": 0.0}
    pruning = {"warm_up": 0.1, "recovery": 0.3, "importance": "l2", "round_to": 1}
    _, pruned = pruned_fit(
        model, data, recipe, method=method, ratio=0.5, pruning=pruning, seed=0, label="x"
    )
    if method == "channels":
        assert pruned.model.get_layer("embedding").output_dim < 6
        assert prunable_parameters(pruned.model) <= 0.5 * before
    else:
        assert count_weights(pruned.model).sparsity == pytest.approx(0.5, abs=0.02)
