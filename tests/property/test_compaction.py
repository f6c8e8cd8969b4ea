"""Compaction over random nets: the same function, never larger, nothing left to remove."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_nets import Net
from random_series import Series

from nasturtium.compaction import compact, fold_batch_normalization, verify


def check(seed: int, seen: Counter, make: type[Net] = Net) -> None:
    """Compact the net of one seed and hold it to every invariant; count what it exercised."""
    net = make(seed)
    model = net.build()
    before = [value.copy() for value in model.get_weights()]
    result = compact(model)

    assert verify(model, result.model, tolerance=1e-5, seed=seed % 2**16) <= 1e-5
    folding = fold_batch_normalization(result.model)
    assert verify(result.model, folding.model, tolerance=1e-5, seed=seed % 2**16) <= 1e-5
    assert not idle_layers(folding.model)
    seen["folded"] += bool(folding.folded)
    assert result.params_after <= result.params_before
    idle = idle_layers(result.model)
    assert not idle, f"net {seed} ({net.kind}): {idle} affect no output"
    assert result.model.input_names == model.input_names
    assert result.model.output_names == model.output_names
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    if not result.removed_channels and not result.removed_layers:
        assert result.params_after == result.params_before

    shape = (2, *model.input_shape[1:])
    outputs = model(np.random.default_rng(seed).standard_normal(shape), training=False)
    depends = any(
        not np.allclose(output[0], output[1], rtol=1e-4, atol=1e-7)
        for output in (outputs if isinstance(outputs, list) else [outputs])
    )
    seen["nets"] += 1
    seen["layers removed"] += bool(result.removed_layers)
    seen["removed"] += bool(result.removed_channels)
    seen["depends"] += depends
    seen["removed and depends"] += bool(result.removed_channels) and depends
    seen[net.kind] += 1


STRAIGHT = {
    "MaxPooling1D": lambda layer: keras.layers.AveragePooling1D(
        layer.pool_size, layer.strides, layer.padding
    ),
    "GlobalMaxPooling1D": lambda layer: keras.layers.GlobalAveragePooling1D(
        keepdims=layer.keepdims
    ),
    "MaxPooling2D": lambda layer: keras.layers.AveragePooling2D(
        layer.pool_size, layer.strides, layer.padding
    ),
    "GlobalMaxPooling2D": lambda layer: keras.layers.GlobalAveragePooling2D(
        keepdims=layer.keepdims
    ),
    "Maximum": lambda layer: keras.layers.Average(),
    "ReLU": lambda layer: tf.identity,
    "LeakyReLU": lambda layer: tf.identity,
    "PReLU": lambda layer: tf.identity,
}


def straight(layer, inputs):
    """Call ``layer`` with means for maxima, and activations that only shift by what 0 becomes."""
    if (make := STRAIGHT.get(type(layer).__name__)) is not None:
        return make(layer)(inputs)
    activation = getattr(layer, "activation", None)
    if activation is None:
        return layer(inputs, training=False)
    shift = activation(tf.zeros((1, 3)))[0, 0]
    layer.activation = lambda values: values + shift
    try:
        return layer(inputs, training=False)
    finally:
        layer.activation = activation


def idle_layers(model) -> list[str]:
    """Names of the layers whose output may be anything without an output's changing.

    Whatever clips or picks is straightened (see ``straight``), or it would depend on the inputs
    whether a layer has a say.
    """
    inputs = np.random.default_rng(0).standard_normal((2, *model.input_shape[1:]))
    depths = model._nodes_by_depth
    nodes = [node for depth in sorted(depths, reverse=True) for node in depths[depth]]
    own = [node for node in nodes if not node.is_input]

    def run(changed=None, amount=0.0):
        values = {id(tensor): tf.constant(inputs, tf.float32) for tensor in model.inputs}
        for node in own:
            arguments = [values[id(tensor)] for tensor in node.keras_inputs]
            output = straight(node.layer, arguments if len(arguments) > 1 else arguments[0])
            if node.layer is changed:
                noise = np.random.default_rng(1).standard_normal(output.shape)
                output += tf.constant(amount * noise, output.dtype)
            values[id(node.outputs)] = output
        return [values[id(tensor)].numpy() for tensor in model.outputs]

    expected = run()
    return [
        node.layer.name
        for node in own
        if all(
            all(np.array_equal(a, b) for a, b in zip(expected, run(node.layer, x), strict=True))
            for x in (1.0, 100.0)
        )
    ]


def sweep(examples: int, make: type[Net] = Net) -> Counter:
    seen: Counter = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32 - 1))
    def run(seed):
        check(seed, seen, make)

    run()
    return seen


@pytest.mark.parametrize("examples", [12, pytest.param(400, marks=pytest.mark.long)])
def test_compaction_is_exact_and_complete_over_random_nets(examples):
    seen = sweep(examples)
    assert seen["nets"] >= 0.9 * examples
    assert len(seen) >= 6 + (11 if examples > 100 else 5), "(nearly) every kind of net was seen"
    assert seen["layers removed"] >= seen["nets"] / 20, dict(seen)
    assert seen["removed and depends"] >= seen["nets"] / 2, dict(seen)


@pytest.mark.parametrize("examples", [8, pytest.param(200, marks=pytest.mark.long)])
def test_compaction_is_exact_and_complete_over_nets_of_sequences(examples):
    seen = sweep(examples, Series)
    assert seen["nets"] >= 0.9 * examples
    assert len(seen) >= 4 + (3 if examples > 100 else 2), dict(seen)
    assert seen["removed and depends"] >= seen["nets"] / 2, dict(seen)
