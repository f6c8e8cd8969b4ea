"""Scores of dependency groups, in nets that are small enough for a calculation by hand."""

import numpy as np
import pytest
import tf_keras as keras

from nasturtium.compaction import dependency_groups
from nasturtium.errors import PruningError
from nasturtium.pruning import importance

layers = keras.layers


@pytest.fixture
def net():
    inputs = keras.Input((2,))
    x = layers.Dense(3, name="hidden")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    model = keras.Model(inputs, layers.Dense(1, name="head")(x))
    model.get_layer("hidden").kernel.assign([[3, 0, 1], [4, 1, 0]])
    model.get_layer("norm").gamma.assign([1, -4, 1])
    return model


def relative(norms):
    """Norm over the layer's mean when all lesser channels (the first of equal ones) are zero."""
    ranks = sorted(range(len(norms)), key=lambda i: norms[i])
    left = {i: sum(norms[j] for j in ranks[position:]) for position, i in enumerate(ranks)}
    return np.array([len(norms) * norms[i] / left[i] for i in range(len(norms))])


def scores(model, function):
    groups = dependency_groups(model)
    return function(groups, importance.read_weights(model, groups))


def test_l2_is_the_mean_of_relative_norms(net):
    np.testing.assert_allclose(relative([5, 1, 1]), [3, 3 / 7, 3 / 6])
    norms, gammas = np.array([5, 1, 1]), np.array([1, 4, 1])
    expected = (relative(norms) + relative(gammas)) / 2
    np.testing.assert_allclose(scores(net, importance.l2), expected)


def test_l1(net):
    norms, gammas = np.array([7, 1, 1]), np.array([1, 4, 1])
    expected = (relative(norms) + relative(gammas)) / 2
    np.testing.assert_allclose(scores(net, importance.l1), expected)


def test_random_is_seeded(net):
    groups = dependency_groups(net)
    one, other = importance.random(groups, 1), importance.random(groups, 2)
    assert np.array_equal(one, importance.random(groups, 1))
    assert not np.array_equal(one, other)


def test_taylor_is_weight_times_gradient_summed_over_batches(net):
    net.get_layer("head").kernel.assign([[1], [2], [0]])
    net.get_layer("norm").gamma.assign([1, 1, 1])
    scale = 1 / np.sqrt(1 + net.get_layer("norm").epsilon)
    x = np.array([[1.0, 2.0]], "float32")
    y = np.array([[0.0]], "float32")
    hidden = np.array([11.0, 2.0, 1.0])
    output = scale * (hidden[0] + 2 * hidden[1])
    slope = 2 * output * scale * np.array([1, 2, 0])
    kernel = np.abs(slope * np.array([[3, 0, 1], [4, 1, 0]]) * x.T).sum(axis=0)
    gamma = np.abs(slope * hidden)
    expected = (relative(kernel) + relative(gamma)) / 2
    groups = dependency_groups(net)
    found = importance.taylor(net, groups, [(x, y), (x, y)], loss="mse")
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_taylor_without_data_or_loss_is_refused(net):
    groups = dependency_groups(net)
    with pytest.raises(PruningError, match="batch"):
        importance.taylor(net, groups, [], loss="mse")
    with pytest.raises(PruningError, match="loss"):
        importance.taylor(net, groups, [(np.zeros((1, 2)), np.zeros((1, 1)))])


def test_a_layer_pruned_before_is_not_pruned_empty():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(4), layers.Dense(1)])
    kernel = np.ones((4, 4))
    model.layers[1].kernel.assign(kernel)
    kernel[:, :3] = 0
    model.layers[0].kernel.assign(kernel)
    found = scores(model, importance.l2)
    np.testing.assert_allclose(found, [0, 0, 0, 4, 1, 4 / 3, 2, 4])
