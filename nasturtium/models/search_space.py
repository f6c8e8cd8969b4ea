"""The search spaces: AutoKeras blocks inside the same frame as the reference net.

AutoKeras adds a cast layer of its own, an optimizer with a schedule that does not survive
serialisation, and learning rates that don't train; here the frame takes the first's place, the
training recipe the second's, and the learning rate is chosen among rates that do.
"""

import json
from collections.abc import Callable, Mapping, Sequence

import autokeras as ak
import keras_tuner
import tf_keras as keras
from autokeras.graph import Graph

from nasturtium.errors import SearchError
from nasturtium.models.frame import Frame, build_framed

LEARNING_RATE = "learning_rate"
PRUNING_RATIO = "pruning_ratio"


class SearchSpace(Graph):
    """A KerasTuner hypermodel: AutoKeras blocks, a learning rate and perhaps a pruning ratio.

    Its models are built but not compiled; how to train them is the tuner's business.
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
        self._frame = frame
        # YAML writes 0 for 0.0, and a Choice takes one type of value only.
        self._learning_rates = [float(rate) for rate in learning_rates]
        self._pruning_ratios = [float(ratio) for ratio in pruning_ratios]
        # What AutoKeras otherwise learns by reading the data set through its own pipeline.
        self.inputs[0].shape, self.inputs[0].dtype = frame.input_shape, "float32"
        self.outputs[0].in_blocks[0].shape = (frame.classes or 1,)

    def middle(self) -> dict:
        """Hyperparameters of a middling member of the space, for a search to start from.

        Of sizes the upper middle choice; else the default, which for sizes is the largest.
        """
        return self._sized(lambda choices: choices[len(choices) // 2])

    def corners(self) -> list[dict]:
        """Hyperparameters of the middle, the smallest and the largest member of the space.

        The pruning ratio is a middling one in all.
        """
        return [self.middle(), self._sized(min), self._sized(max)]

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

    def signature(self, values: Mapping) -> str:
        """Equal for hyperparameters that give the same net, trained in the same way.

        Many differ only in the size of a layer that the net does not have.
        """
        layers = [_described(layer) for layer in build_net(self, values).layers]
        training = [values.get(name) for name in (LEARNING_RATE, PRUNING_RATIO)]
        return json.dumps([layers, training], sort_keys=True, default=str)

    def _compile_keras_model(self, hp, model):
        # AutoKeras calls this last in build(). Every hyperparameter is declared on every build,
        # since the greedy oracle never moves one that it meets only inside a trial.
        hp.Choice(LEARNING_RATE, self._learning_rates, default=self._learning_rates[0])
        if self._pruning_ratios:
            hp.Choice(PRUNING_RATIO, self._pruning_ratios, default=self._pruning_ratios[0])
        return build_framed(self._frame, _body(model), name="candidate")


def make_space(frame: Frame, settings: Mapping, pruning_ratios: Sequence[float]) -> SearchSpace:
    """The space of the frame's kind of data, by section ``search`` of the settings."""
    if frame.vocabulary is not None:
        return text_space(frame, settings, pruning_ratios)
    build = tabular_space if len(frame.input_shape) == 1 else conv_space
    return build(frame, settings, pruning_ratios)


def build_net(space: SearchSpace, values: Mapping) -> keras.Model:
    """The untrained net that ``values`` describe in ``space``."""
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values.update(values)
    return space.build(hyperparameters)


def conv_space(frame: Frame, settings: Mapping, pruning_ratios: Sequence[float]) -> SearchSpace:
    """ConvBlock, spatial reduction, DenseBlock, head; for images, and for sequences over steps.

    AutoKeras takes convolutions, plain or separable, pooling and reduction of the input's rank.

    Parameters
    ----------
    settings
        ``filters``, ``kernel_sizes``, ``conv_blocks``, ``units``, ``dense_layers`` and
        ``learning_rates``: the choices of each.
    """
    inputs = ak.Input()
    node = ak.ConvBlock(
        kernel_size=_choice("kernel_size", settings["kernel_sizes"]),
        num_blocks=_choice("num_blocks", settings["conv_blocks"]),
        num_layers=_choice("num_layers", [1, 2]),
        filters=_choice("filters", settings["filters"]),
        dropout=_choice("dropout", [0.0, 0.25], default=0.0),
    )(inputs)
    node = ak.SpatialReduction()(node)
    return _with_dense_and_head(inputs, node, frame, settings, pruning_ratios)


class TextBlock(ak.Block):
    """Embedding, a convolution and its maximum over the text (Kim 2014, arXiv 1408.5882)."""

    def __init__(self, frame: Frame, settings: Mapping, **arguments):
        super().__init__(**arguments)
        self._frame, self._settings = frame, settings

    def build(self, hp, inputs=None):
        """The block's output, of shape (batch, filters)."""
        (tensor,) = inputs if isinstance(inputs, list | tuple) else (inputs,)
        chosen = {
            name: hp.Choice(name, sorted(self._settings[key]), default=max(self._settings[key]))
            for name, key in (
                ("embedding", "embeddings"),
                ("filters", "filters"),
                ("kernel_size", "kernel_sizes"),
            )
        }
        tensor = keras.layers.Embedding(self._frame.vocabulary, chosen["embedding"])(tensor)
        conv = keras.layers.Conv1D(chosen["filters"], chosen["kernel_size"], activation="relu")
        return keras.layers.GlobalMaxPooling1D()(conv(tensor))


def text_space(frame: Frame, settings: Mapping, pruning_ratios: Sequence[float]) -> SearchSpace:
    """TextBlock, DenseBlock, head; with ``embeddings``, the choices for an embedding's width."""
    inputs = ak.Input()
    node = TextBlock(frame, settings)(inputs)
    return _with_dense_and_head(inputs, node, frame, settings, pruning_ratios)


def tabular_space(frame: Frame, settings: Mapping, pruning_ratios: Sequence[float]) -> SearchSpace:
    """DenseBlock and head; of the settings of :func:`conv_space` it needs the last ones."""
    inputs = ak.Input()
    return _with_dense_and_head(inputs, inputs, frame, settings, pruning_ratios)


def _with_dense_and_head(inputs, node, frame, settings, pruning_ratios) -> SearchSpace:
    node = ak.DenseBlock(
        num_layers=_choice("num_layers", settings["dense_layers"]),
        num_units=_choice("num_units", settings["units"]),
        use_batchnorm=False,
        dropout=_choice("dropout", [0.0, 0.25], default=0.0),
    )(node)
    if frame.classes is None:
        output = ak.RegressionHead(output_dim=1, dropout=0.0)(node)
    else:
        # The loss only tells AutoKeras to end with a softmax, for two classes too.
        loss = keras.losses.CategoricalCrossentropy()
        output = ak.ClassificationHead(num_classes=frame.classes, loss=loss, dropout=0.0)(node)
    return SearchSpace(
        inputs,
        output,
        frame=frame,
        learning_rates=settings["learning_rates"],
        pruning_ratios=pruning_ratios,
    )


def _choice(name: str, values: Sequence, default: float | None = None):
    # The largest value is the default: building the space once with the defaults then declares
    # the hyperparameters of every layer that any trial can have.
    default = max(values) if default is None else default
    return keras_tuner.engine.hyperparameters.Choice(name, sorted(values), default=default)


def _described(layer: keras.layers.Layer) -> tuple[str, dict]:
    """What a layer computes, without its name."""
    kind, config = type(layer).__name__, dict(layer.get_config())
    del config["name"]
    if kind.startswith("Global") and set(layer.input_shape[1:-1]) == {1}:
        # The maximum and the mean of a single position are what flattening gives.
        return "Flatten", {}
    return kind, {} if kind == "Flatten" else config


def _body(model: keras.Model) -> list[keras.layers.Layer]:
    """Fresh copies of the layers of AutoKeras's model, a chain, without its input and cast."""
    body = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer) or type(layer).__name__ == "CastToFloat32":
            continue
        if len(layer.inbound_nodes) != 1 or isinstance(layer.input, list):
            raise SearchError(
                f"The search space branches at layer '{layer.name}'; only chains of blocks can "
                "be framed."
            )
        body.append(type(layer).from_config(layer.get_config()))
    return body
