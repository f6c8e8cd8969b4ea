"""The search spaces: AutoKeras blocks inside the same frame as the reference net.

AutoKeras adds its own cast layer, an optimizer with a schedule that can't be serialised, and
learning rates that don't train. Here the frame replaces the first and the training recipe the
second, and the learning rate is chosen among usable ones.
"""

import json
from collections.abc import Callable, Mapping, Sequence

import autokeras as ak
import keras_tuner
import tensorflow as tf
import tf_keras as keras
from autokeras.graph import Graph

from nasturtium.models.blocks import ConvBody, TableBody, TextBody
from nasturtium.models.body import Body
from nasturtium.models.copies import on_other_input
from nasturtium.models.frame import Frame, build_framed
from nasturtium.models.reference_nets import Reference

LEARNING_RATE = "learning_rate"
PRUNING_RATIO = "pruning_ratio"


class SearchSpace(Graph):
    """A KerasTuner hypermodel: AutoKeras blocks, a learning rate and possibly a pruning ratio.

    Its models are built but not compiled.
    """

    def __init__(
        self,
        inputs,
        outputs,
        *,
        frame: Frame,
        learning_rates: Sequence[float],
        pruning_ratios: Sequence[float],
    ):
        super().__init__(inputs=inputs, outputs=outputs)
        self._defaults: dict | None = None
        [self._body] = [block for block in self.blocks if isinstance(block, Body)]
        self._frame = frame
        # YAML writes 0 for 0.0, and a Choice accepts only one type of values.
        self._learning_rates = [float(rate) for rate in learning_rates]
        self._pruning_ratios = [float(ratio) for ratio in pruning_ratios]
        # Otherwise AutoKeras would learn this by reading the data set through its own pipeline.
        self.inputs[0].shape, self.inputs[0].dtype = frame.input_shape, "float32"

    @property
    def pruning_ratios(self) -> Sequence[float]:
        """Ratios from which a search with pruning chooses; empty for one without."""
        return tuple(self._pruning_ratios)

    def middle(self) -> dict:
        """Hyperparameters of a member of medium size, for the start of a search.

        The upper middle choice of sizes; otherwise the default, which for sizes is the largest.
        """
        return self._sized(lambda choices: choices[len(choices) // 2])

    def corners(self) -> list[dict]:
        """Hyperparameters of the middle, the smallest and the largest member of the space.

        All have a medium pruning ratio.
        """
        return [self.middle(), self._sized(min), self._sized(max)]

    def starts(self) -> list[dict]:
        """Hyperparameters of the different nets with which every search begins.

        The one of medium size and the smallest, good ones according to the block, and the largest.
        """
        middle, smallest, largest = self.corners()
        prefix = f"{self._body.name}/"
        known = [
            {**middle, **{prefix + name: value for name, value in values.items()}}
            for values in self._body.starts()
        ]
        found = {self.signature(v): v for v in (middle, smallest, *known, largest)}
        return list(found.values())

    def _sized(self, choose: Callable[[Sequence], float]) -> dict:
        hyperparameters = keras_tuner.HyperParameters()
        self.build(hyperparameters)
        values = dict(hyperparameters.values)
        for parameter in hyperparameters.space:
            choices = getattr(parameter, "values", None)
            if parameter.name == PRUNING_RATIO:
                values[parameter.name] = choices[len(choices) // 2]
            elif choices and all(type(choice) is int for choice in choices):
                values[parameter.name] = choose(choices)
        return values

    def described(self, values: Mapping) -> dict:
        """Description of the net with the hyperparameters ``values``, without its training."""
        prefix = f"{self._body.name}/"
        return self._body.describe(
            {
                name.removeprefix(prefix): value
                for name, value in values.items()
                if name.startswith(prefix)
            }
        )

    def suggest(self, hp: keras_tuner.HyperParameters) -> dict:
        """Values of all hyperparameters; ``hp`` chooses those that count for the net.

        The others have their defaults. The net is not built.
        """
        self._body.suggest(hp)
        self._declare_training(hp)
        if self._defaults is None:
            hyperparameters = keras_tuner.HyperParameters()
            self.build(hyperparameters)
            self._defaults = dict(hyperparameters.values)
        return {**self._defaults, **hp.values}

    def signature(self, values: Mapping) -> str:
        """A signature that is equal for hyperparameters of the same net with the same training.

        Hyperparameters may differ only in the size of a layer that the net does not have. No net is
        built.
        """
        training = [values.get(name) for name in (LEARNING_RATE, PRUNING_RATIO)]
        return json.dumps([self.described(values), training], sort_keys=True)

    def _compile_keras_model(self, hp, model):
        # AutoKeras calls this last in build().
        self._declare_training(hp)
        return build_framed(self._frame, _body(model), name="candidate")

    def _declare_training(self, hp: keras_tuner.HyperParameters) -> None:
        hp.Choice(LEARNING_RATE, self._learning_rates, default=self._learning_rates[0])
        if self._pruning_ratios:
            hp.Choice(PRUNING_RATIO, self._pruning_ratios, default=self._pruning_ratios[0])


def make_space(
    frame: Frame,
    settings: Mapping,
    pruning_ratios: Sequence[float],
    reference: Reference | None = None,
) -> SearchSpace:
    """The space of the frame's kind of data.

    Parameters
    ----------
    settings
        Section ``search``: ``filters``, ``units``, ``learning_rates`` and so on, the choices of
        each hyperparameter of :mod:`nasturtium.models.blocks`.
    reference
        The reference net without its output layer, by scale; it is then a member.
    """
    inputs = ak.Input()
    if frame.vocabulary is not None:
        body = TextBody(settings, frame.classes, reference, frame.vocabulary, name="body")
    else:
        block = TableBody if len(frame.input_shape) == 1 else ConvBody
        body = block(settings, frame.classes, reference, name="body")
    output = body(inputs)
    return SearchSpace(
        inputs,
        output,
        frame=frame,
        learning_rates=settings["learning_rates"],
        pruning_ratios=pruning_ratios,
    )


def build_net(space: SearchSpace, values: Mapping) -> keras.Model:
    """The untrained net that ``values`` describe in ``space``."""
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values.update(values)
    return space.build(hyperparameters)


def _body(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """AutoKeras's model without its input and cast, as a function of another input."""

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer | None:
        if type(layer).__name__ == "CastToFloat32":
            return None
        return type(layer).from_config(layer.get_config())

    return lambda tensor: on_other_input(model, tensor, copy)
