"""Calls new layers according to a plan: the graph of a model without unneeded layers."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction.graph import ChannelGraph, Step
from nasturtium.compaction.liveness import Plan

Clone = Callable[[keras.layers.Layer], keras.layers.Layer]

# By rank, for sequences and images: global max pooling, and repeating one position.
_MAXIMUM = {3: keras.layers.GlobalMaxPooling1D, 4: keras.layers.GlobalMaxPooling2D}
_SPREAD = {3: keras.layers.UpSampling1D, 4: keras.layers.UpSampling2D}


def rebuild(
    graph: ChannelGraph,
    plan: Plan,
    clone: Clone,
    *,
    skipped: Sequence[Step] = (),
    values: Callable[[int], np.ndarray] | None = None,
) -> keras.Model:
    """Return a functional model of new layers, without the weights of the old ones.

    Inputs and outputs stay, with their order and names.

    Parameters
    ----------
    clone
        Returns a new layer for an old one; called once for each layer that is built.
    skipped
        Steps with one input that pass it on unchanged.
    values
        The constants, shape ``(channels,)``, of a tensor that a layer of constants replaces.
    """
    builder = _Builder(graph, plan, clone, skipped, values)
    return builder.build()


class _Builder:
    def __init__(self, graph, plan, clone, skipped, values) -> None:
        self.graph, self.plan, self.clone, self.values = graph, plan, clone, values
        self.skipped = {id(step) for step in skipped}
        self.layers: dict[int, keras.layers.Layer] = {}
        self.made: dict[int, object] = {}
        self.constants: list[tuple[keras.layers.Dense, np.ndarray]] = []

    def build(self) -> keras.Model:
        old = self.graph.model
        inputs = tf.nest.map_structure(self._input, old._nested_inputs)
        for number, step in enumerate(self.graph.steps):
            if step.outputs[0] in self.plan.constants:
                self.made[step.outputs[0]] = self._constant(step)
            elif number in self.plan.inputs:
                outputs = self._called(step, self.plan.inputs[number])
                self.made.update(zip(step.outputs, outputs, strict=True))
        number_of = self.graph.number_of
        outputs = tf.nest.map_structure(lambda x: self.made[number_of(x)], old._nested_outputs)
        model = keras.Model(inputs, outputs, name=old.name)
        for layer, values in self.constants:
            layer.set_weights([np.zeros(layer.kernel.shape), values])
        return model

    def _input(self, tensor):
        layer = tensor._keras_history.layer
        made = keras.layers.InputLayer.from_config(layer.get_config()).output
        self.made[self.graph.number_of(tensor)] = made
        return made

    def _called(self, step: Step, tensors: Sequence[int]) -> list:
        inputs = [self.made[t] for t in tensors]
        fewer = len(inputs) < len(step.inputs)
        if id(step) in self.skipped or (fewer and len(inputs) == 1):
            if step.outputs[0] in self.graph.outputs:
                # An output bears the name of its layer.
                return [keras.layers.Activation("linear", name=step.layer.name)(inputs[0])]
            return inputs
        layer = self.layers.get(id(step.layer))
        if layer is None:
            layer = self.layers[id(step.layer)] = self.clone(step.layer)
        if fewer:
            return tf.nest.flatten(layer(inputs))
        args, kwargs = tf.nest.map_structure(
            lambda x: self.made[self.graph.number_of(x)] if hasattr(x, "_keras_history") else x,
            (step.node.call_args, step.node.call_kwargs),
        )
        return tf.nest.flatten(layer(*args, **kwargs))

    def _constant(self, step: Step):
        """Return a tensor that holds the constants of a step's output.

        Constants are their own maximum over all positions, which can be repeated.
        """
        (t,) = step.outputs
        source, values = self.made[self.plan.constants[t]], self.values(t)
        shape, name = step.out_shapes[0], step.layer.name
        if source.shape[:-1] == shape[:-1]:
            return self._dense(values, name)(source)
        rank = len(source.shape)
        tensor = self._dense(values, f"{name}_constants")(source)
        if set(shape[1:-1]) <= {1}:
            return _MAXIMUM[rank](keepdims=rank == len(shape), name=name)(tensor)
        tensor = _MAXIMUM[rank](keepdims=True, name=f"{name}_constant")(tensor)
        return _SPREAD[rank](shape[1] if rank == 3 else shape[1:-1], name=name)(tensor)

    def _dense(self, values: np.ndarray, name: str) -> keras.layers.Dense:
        layer = keras.layers.Dense(len(values), name=name)
        self.constants.append((layer, values))
        return layer
