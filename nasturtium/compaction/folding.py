"""Fold BatchNormalization into the layer before it: the form in which a net is used.

At inference it is one scale and one offset per channel, which a kernel and a bias can include
(Jacob et al., CVPR 2018, arXiv 1712.05877, section 3.2). A net that will be trained further keeps
it: in training it normalises by the batch, and without it the net trains differently.
"""

from dataclasses import dataclass

import numpy as np
import tf_keras as keras

from nasturtium.compaction.depthwise import Depthwise, Separable
from nasturtium.compaction.graph import ChannelGraph, Step, channel_graph
from nasturtium.compaction.kernels import Transposed, Weighted
from nasturtium.compaction.liveness import whole_plan
from nasturtium.compaction.pointwise import BatchNorm
from nasturtium.compaction.rebuild import rebuild
from nasturtium.compaction.rewrite import plain_copy, set_weights

# These layers may be between the two: a mean of scaled values is the scaled mean.
_COMMUTE = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise"),
    *("AlphaDropout", "ActivityRegularization", "AveragePooling1D", "AveragePooling2D"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D"),
)


@dataclass
class Folding:
    """A model in which BatchNormalization is folded, and the names of the folded layers.

    ``params_before`` and ``params_after``: ``count_params()`` of both models.
    """

    model: keras.Model
    folded: list[str]
    params_before: int
    params_after: int


def fold_batch_normalization(model: keras.Model) -> Folding:
    """Return a model without the BatchNormalization that follows a convolution or dense layer.

    It computes the same at inference. A BatchNormalization is folded if it follows a layer without
    activation and no other layer reads the tensors in between. It stays after an activation, a sum
    or zero padding, and if it is called to train. If there is none to fold, the given model is
    returned. Other layers are unchanged and keep their names; nested models are folded inside.

    Raises
    ------
    CompactionError
        The model has no graph of layers (subclassed, or not built).
    """
    graph = channel_graph(model)
    weights: dict[str, dict[str, np.ndarray]] = {}
    skipped: list[Step] = []
    for step in graph.steps:
        if isinstance(step.rule, BatchNorm):
            kernel = _kernel_before(graph, step, skipped)
            scale, offset = step.rule.affine(step, graph.weights_of(step))
            if kernel is None or not np.isfinite([scale, offset]).all():
                continue
            name = kernel.layer.name
            before = weights.get(name) or graph.weights_of(kernel)
            weights[name] = _scaled(kernel, before, scale, offset)
            skipped.append(step)
    nested = {
        id(layer): fold_batch_normalization(layer)
        for layer in model.layers
        if isinstance(layer, keras.Model) and getattr(layer, "_is_graph_network", False)
    }
    inside = [f"{inner.model.name}/{name}" for inner in nested.values() for name in inner.folded]
    params = model.count_params()
    if not skipped and not inside:
        return Folding(model, [], params, params)

    def clone(layer):
        if id(layer) in nested:
            return _own(nested[id(layer)].model)
        new = weights.get(layer.name, {})
        return plain_copy(layer, None, {"use_bias": True} if "bias" in new else None)

    folded = rebuild(graph, whole_plan(graph), clone, skipped=skipped)
    originals = {layer.name: layer for layer in model.layers}
    for layer in folded.layers:
        # A Sequential does not list its input layer.
        if type(original := originals.get(layer.name)) is type(layer):
            set_weights(layer, original, weights.get(layer.name))
    names = [step.layer.name for step in skipped] + inside
    return Folding(folded, names, params, folded.count_params())


def _own(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _kernel_before(graph: ChannelGraph, step: Step, skipped: list[Step]) -> Step | None:
    """Return the step whose kernel can hold the scale of ``step``, or None."""
    makers = {t: other for other in graph.steps for t in other.outputs}
    readers = [t for other in graph.steps for t in other.inputs] + graph.outputs
    while True:
        (t,) = step.inputs
        step = makers.get(t)
        if step is None or readers.count(t) != 1:
            return None
        if isinstance(step.rule, Weighted):
            is_linear = step.layer.activation in (None, keras.activations.linear)
            return step if is_linear else None
        is_gone = any(step is other for other in skipped)
        if not is_gone and type(step.layer).__name__ not in _COMMUTE:
            return None


def _scaled(step: Step, weights, scale: np.ndarray, offset: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weights of a kernel's layer whose outputs are scaled and shifted."""
    rule, changed = step.rule, dict(weights)
    name = "pointwise_kernel" if isinstance(rule, Separable) else rule.attributes[0]
    kernel = weights[name]
    factor = scale
    if isinstance(rule, Depthwise):
        factor = scale.reshape(kernel.shape[-2:])
    elif isinstance(rule, Transposed):
        factor = scale[:, None]
    changed[name] = (kernel * factor).astype(kernel.dtype)
    changed["bias"] = (weights.get("bias", 0.0) * scale + offset).astype(kernel.dtype)
    return changed
