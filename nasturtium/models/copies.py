"""Copies of a functional model's layers on another input."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras


def on_other_input(
    model: keras.Model,
    tensor: tf.Tensor,
    copy: Callable[[keras.layers.Layer], keras.layers.Layer | None],
) -> tf.Tensor:
    """The output of a copy of ``model``'s graph with ``tensor`` as its input.

    Keras's ``clone_model`` never returns if its input is the output of a layer.

    Parameters
    ----------
    model
        A model with one input and one output, each of whose layers is called once.
    copy
        Returns the layer that replaces another one; None leaves it out.
    """
    made = {id(model.inputs[0]): tensor}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if isinstance(node.layer, keras.layers.InputLayer):
                continue
            given = [made[id(value)] for value in node.keras_inputs]
            layer = copy(node.layer)
            tensors = given if len(given) > 1 else given[0]
            made[id(node.outputs)] = tensors if layer is None else layer(tensors)
    return made[id(model.outputs[0])]
