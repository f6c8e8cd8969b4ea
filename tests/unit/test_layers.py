"""The description of layers agrees with Keras and with the rules of compaction."""

import inspect

import pytest
import tf_keras as keras

from nasturtium.compaction.table import _TABLE
from nasturtium.models.layers import LAYERS, facts_of, prunable_weight

# Of each: shape of a sample, arguments.
BUILT = {
    "Conv1D": ((8, 3), {"filters": 4, "kernel_size": 3}),
    "Conv1DTranspose": ((8, 3), {"filters": 4, "kernel_size": 3}),
    "Conv2D": ((8, 8, 3), {"filters": 4, "kernel_size": 3}),
    "Conv2DTranspose": ((8, 8, 3), {"filters": 4, "kernel_size": 3}),
    "Dense": ((8,), {"units": 4}),
    "DepthwiseConv1D": ((8, 3), {"kernel_size": 3}),
    "DepthwiseConv2D": ((8, 8, 3), {"kernel_size": 3}),
    "SeparableConv1D": ((8, 3), {"filters": 4, "kernel_size": 3}),
    "SeparableConv2D": ((8, 8, 3), {"filters": 4, "kernel_size": 3}),
}


def test_a_layer_has_kernels_if_keras_makes_it_any():
    assert {name for name, facts in LAYERS.items() if facts.kernels} == set(BUILT)


@pytest.mark.parametrize("name", BUILT)
def test_the_kernels_of_a_layer_are_all_that_keras_makes(name):
    shape, arguments = BUILT[name]
    layer = getattr(keras.layers, name)(**arguments)
    layer.build((None, *shape))
    kernels = {w.name.partition(":")[0].rpartition("/")[2] for w in layer.weights} - {"bias"}
    assert kernels == set(LAYERS[name].kernels)
    assert LAYERS[name].prunable in {None, *kernels}


def test_compaction_has_rules_for_known_layers_alone():
    assert {kind.__name__ for kind in _TABLE} <= set(LAYERS)


def test_a_subclass_is_not_taken_for_its_parent():
    class Own(keras.layers.Dense):
        pass

    assert facts_of(Own(3)) is None
    assert prunable_weight(Own(3)) is None
    assert prunable_weight(keras.layers.Dense(3)) == "kernel"


def test_no_layer_is_known_that_runs_what_a_file_brings():
    for name in LAYERS:
        arguments = inspect.signature(getattr(keras.layers, name).__init__).parameters
        assert not {"function", "layer", "cell", "filepath", "vocabulary"} & set(arguments), name
    assert not {"Lambda", "Wrapper", "TimeDistributed", "RNN", "StringLookup"} & set(LAYERS)
