"""A net without its frame: the scaling of inputs and outputs becomes numbers beside the file."""

from dataclasses import asdict, dataclass

import numpy as np
import tf_keras as keras

from nasturtium.deployment.scaling import Scaling


@dataclass(frozen=True)
class BareNet:
    """A net without its frame: ``restore(net(standardise(raw)))`` is the framed net."""

    net: keras.Model
    standardise: Scaling
    restore: Scaling

    def as_dict(self) -> dict[str, dict]:
        """Both scalings, ready for JSON."""
        return {"input": asdict(self.standardise), "output": asdict(self.restore)}


def without_frame(model: keras.Model) -> BareNet:
    """``model`` without its first and last layer, if these only scale.

    One int8 scale for all columns of a table is far too coarse for most of them, so the net is
    quantised after the standardisation. The weights are shared with ``model``.
    """
    inputs, outputs = model.inputs[0], model.outputs[0]
    standardise, restore = Scaling(), Scaling()
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if len(layers) > 1 and layers[0].input is model.inputs[0]:
        scaling = _scaling(layers[0])
        if scaling is not None:
            standardise, inputs = scaling, layers[0].output
    if len(layers) > 2 and isinstance(layers[-1], keras.layers.Rescaling):
        restore, outputs = _scaling(layers[-1]), layers[-1].input
    return BareNet(keras.Model(inputs, outputs, name=model.name), standardise, restore)


def vocabulary(net: keras.Model) -> int | None:
    """Size of the vocabulary of a net that takes tokens; None for one that takes numbers."""
    if not net.inputs[0].dtype.is_integer:
        return None
    return next(x.input_dim for x in net.layers if isinstance(x, keras.layers.Embedding))


def _scaling(layer: keras.layers.Layer) -> Scaling | None:
    if isinstance(layer, keras.layers.Rescaling):
        return Scaling(_numbers(layer.scale), _numbers(layer.offset))
    if isinstance(layer, keras.layers.Normalization) and not layer.invert:
        mean = np.asarray(layer.mean, np.float64)
        # As in the layer: a constant column is divided by epsilon.
        deviation = np.maximum(
            np.sqrt(np.asarray(layer.variance, np.float64)), keras.backend.epsilon()
        )
        return Scaling(_numbers(1 / deviation), _numbers(-mean / deviation))
    return None


def _numbers(values) -> float | list[float]:
    """One number, or one per entry of the last axis."""
    array = np.asarray(values, np.float64)
    return float(array.reshape(())) if array.size == 1 else array.reshape(-1).tolist()
