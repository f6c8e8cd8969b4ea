"""The rules by Keras layer."""

import tf_keras as keras

from nasturtium.compaction.depthwise import Depthwise, Separable
from nasturtium.compaction.kernels import Grouped, Kernel, Transposed
from nasturtium.compaction.lookup import Lookup
from nasturtium.compaction.pointwise import BatchNorm, Slopes
from nasturtium.compaction.rules import (
    Concatenate,
    Elementwise,
    Flatten,
    Merge,
    PassThrough,
    Rescale,
    Reshape,
    Rule,
    ZeroPad,
    product,
)

_RULES: dict[str, Rule] = {
    "Dense Conv1D Conv2D": Kernel(),
    "Conv1DTranspose Conv2DTranspose": Transposed(),
    "DepthwiseConv1D DepthwiseConv2D": Depthwise(),
    "SeparableConv1D SeparableConv2D": Separable(),
    "Embedding": Lookup(),
    "BatchNormalization": BatchNorm(),
    "PReLU": Slopes(),
    "Activation ReLU LeakyReLU ELU ThresholdedReLU": Elementwise(),
    "Rescaling": Rescale(),
    "Dropout SpatialDropout1D SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout "
    "ActivityRegularization MaxPooling1D MaxPooling2D AveragePooling1D AveragePooling2D "
    "GlobalMaxPooling1D GlobalMaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D "
    "UpSampling1D UpSampling2D Cropping1D Cropping2D RepeatVector": PassThrough(),
    "ZeroPadding1D ZeroPadding2D": ZeroPad(),
    "Flatten": Flatten(),
    "Reshape": Reshape(),
    "Concatenate": Concatenate(),
    "Add": Merge(lambda stacked: stacked.sum(axis=0), neutral=0),
    "Subtract": Merge(lambda stacked: stacked[0] - stacked[1], neutral=0, first=1),
    "Multiply": Merge(product, neutral=1),
    "Average": Merge(lambda stacked: stacked.mean(axis=0)),
    "Maximum": Merge(lambda stacked: stacked.max(axis=0)),
    "Minimum": Merge(lambda stacked: stacked.min(axis=0)),
}
_TABLE = {
    getattr(keras.layers, name): rule for names, rule in _RULES.items() for name in names.split()
}

_GROUPED = Grouped()

_STAYING = {
    "Normalization": "its statistics belong to the channels that it was adapted to",
    "Softmax": "it mixes channels",
    "LayerNormalization": "it mixes channels",
}


def why_unknown(layer: keras.layers.Layer) -> str:
    """Return why a layer without a rule keeps the channels around it."""
    if isinstance(layer, keras.Model):
        return "nested model: it is compacted inside, but its inputs and outputs stay"
    kind = type(layer).__name__
    return _STAYING.get(kind, f"{kind} is not a layer whose channels are known")


def rule_for(layer: keras.layers.Layer) -> Rule | None:
    """Return the rule of a layer's exact class; None for an unknown class.

    A subclass may compute something else, so it is not treated like its parent. AutoKeras's own
    cast layer is identified by the name of its class, so AutoKeras does not have to be installed.
    """
    if type(layer).__name__ == "CastToFloat32":
        return PassThrough()
    if type(layer) in (keras.layers.Conv1D, keras.layers.Conv2D) and layer.groups > 1:
        return _GROUPED
    return _TABLE.get(type(layer))
