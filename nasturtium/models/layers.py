"""The one description of each Keras layer that the study supports; a model may have no other.

Rules for a layer's effect on channels are in ``nasturtium.compaction.table``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import tf_keras as keras


@dataclass(frozen=True)
class LayerFacts:
    """What pruning, measuring and training need to know about a class of layers.

    Attributes
    ----------
    kernels
        Attributes of its weights that multiply. Each of these weights is multiplied once per
        position of the output, which gives the multiply-accumulates. A layer without kernels moves,
        compares, adds or scales, which does not count.
    prunable
        The weight that may be pruned, or None: a kernel, or the table of an embedding, which is
        most of a net for texts. In a separable convolution it is the pointwise kernel; a depthwise
        kernel has too few weights per channel, and biases are not pruned.
    multiplies_inputs
        Whether its input's positions count: a transposed convolution multiplies every input by the
        whole kernel, even if padding crops the result.
    keeps_memory
        Whether it passes its input on at inference, in the same memory.
    suits_xla
        Whether XLA trains it faster on a CPU. It was measured that XLA halves the step time of
        dense nets, since it fuses the optimizer's many small operations, and takes 2.5 times as
        long for small convolutions, for which it has no fast kernels.
    """

    kernels: tuple[str, ...] = ()
    prunable: str | None = None
    multiplies_inputs: bool = False
    keeps_memory: bool = False
    suits_xla: bool = False


_PLAIN = LayerFacts()
_FUSED = LayerFacts(suits_xla=True)
_HANDED_ON = LayerFacts(keeps_memory=True)
_HANDED_ON_FUSED = LayerFacts(keeps_memory=True, suits_xla=True)
_CONVOLUTION = LayerFacts(("kernel",), prunable="kernel")
_DEPTHWISE = LayerFacts(("depthwise_kernel",))
_SEPARABLE = LayerFacts(("depthwise_kernel", "pointwise_kernel"), prunable="pointwise_kernel")

LAYERS: Mapping[str, LayerFacts] = MappingProxyType(
    {
        "Activation": _FUSED,
        "ActivityRegularization": _PLAIN,
        "Add": _PLAIN,
        "AlphaDropout": _PLAIN,
        "Average": _PLAIN,
        "AveragePooling1D": _PLAIN,
        "AveragePooling2D": _PLAIN,
        "BatchNormalization": _PLAIN,
        "Concatenate": _PLAIN,
        "Conv1D": _CONVOLUTION,
        "Conv1DTranspose": LayerFacts(("kernel",), multiplies_inputs=True),
        "Conv2D": _CONVOLUTION,
        "Conv2DTranspose": LayerFacts(("kernel",), prunable="kernel", multiplies_inputs=True),
        "Cropping1D": _PLAIN,
        "Cropping2D": _PLAIN,
        "Dense": LayerFacts(("kernel",), prunable="kernel", suits_xla=True),
        "DepthwiseConv1D": _DEPTHWISE,
        "DepthwiseConv2D": _DEPTHWISE,
        "Dropout": _HANDED_ON_FUSED,
        "ELU": _PLAIN,
        "Embedding": LayerFacts(prunable="embeddings"),
        "Flatten": _HANDED_ON_FUSED,
        "GaussianDropout": _PLAIN,
        "GaussianNoise": _PLAIN,
        "GlobalAveragePooling1D": _PLAIN,
        "GlobalAveragePooling2D": _PLAIN,
        "GlobalMaxPooling1D": _PLAIN,
        "GlobalMaxPooling2D": _PLAIN,
        "InputLayer": _FUSED,
        "LayerNormalization": _PLAIN,
        "LeakyReLU": _PLAIN,
        "MaxPooling1D": _PLAIN,
        "MaxPooling2D": _PLAIN,
        "Maximum": _PLAIN,
        "Minimum": _PLAIN,
        "Multiply": _PLAIN,
        "Normalization": _FUSED,
        "PReLU": _PLAIN,
        "Permute": _PLAIN,
        "ReLU": _FUSED,
        "RepeatVector": _PLAIN,
        "Rescaling": _FUSED,
        "Reshape": _HANDED_ON_FUSED,
        "SeparableConv1D": _SEPARABLE,
        "SeparableConv2D": _SEPARABLE,
        "Softmax": _FUSED,
        "SpatialDropout1D": _HANDED_ON,
        "SpatialDropout2D": _HANDED_ON,
        "Subtract": _PLAIN,
        "ThresholdedReLU": _PLAIN,
        "UpSampling1D": _PLAIN,
        "UpSampling2D": _PLAIN,
        "ZeroPadding1D": _PLAIN,
        "ZeroPadding2D": _PLAIN,
    }
)
"""By the name of the class in ``keras.layers``. None of them runs code from a model file."""

_BY_CLASS = {getattr(keras.layers, name): facts for name, facts in LAYERS.items()}


def facts_of(layer: keras.layers.Layer) -> LayerFacts | None:
    """The facts about a layer's exact class; None for an unknown one.

    A subclass may compute something else, so it is not treated like its parent.
    """
    return _BY_CLASS.get(type(layer))


def prunable_weight(layer: keras.layers.Layer) -> str | None:
    """Attribute of the kernel that may be pruned; None if the layer has none."""
    facts = facts_of(layer)
    return None if facts is None else facts.prunable
