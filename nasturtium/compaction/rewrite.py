"""Build the smaller model: the same layers with fewer units and filters, and sliced weights."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction.graph import ChannelGraph, Step, channel_graph
from nasturtium.compaction.liveness import Liveness, find_liveness, whole_plan
from nasturtium.compaction.rebuild import rebuild
from nasturtium.compaction.rules import Unknown
from nasturtium.errors import CompactionError


@dataclass
class CompactionResult:
    """A compacted model and what was done to it.

    Attributes
    ----------
    model
        The smaller model, not compiled; layers keep their names. It is functional if whole layers
        were removed.
    params_before, params_after
        ``count_params()`` of the two models.
    removed_channels
        Layer with a kernel -> number of its removed output channels, if any. A layer of a nested
        model is called ``nested/layer``.
    removed_layers
        Layers that were removed completely, since they affected no output.
    frozen
        Pairs (layer, reason): where channels were kept, and why.
    frozen_channels
        How many output channels of layers with a kernel could not have been removed.
    """

    model: keras.Model
    params_before: int
    params_after: int
    removed_channels: dict[str, int] = field(default_factory=dict)
    removed_layers: list[str] = field(default_factory=list)
    frozen: list[tuple[str, str]] = field(default_factory=list)
    frozen_channels: int = 0


def compact(model: keras.Model) -> CompactionResult:
    """Return a smaller model that computes the same function in inference mode.

    Units and filters that can't affect an output are removed. The contribution of constant ones is
    folded into the biases of the layers that read them, which get a bias if they had none. If that
    would not reduce the number of parameters, the model is copied unchanged. The given model is not
    changed. Nested models are compacted separately, and keep their inputs and outputs. AutoKeras's
    own cast and expand layers are replaced by equivalent plain Keras layers, so that the model
    loads without AutoKeras.

    Raises
    ------
    CompactionError
        The model has no graph of layers (subclassed, or not built), or a layer can't be built
        again from its configuration.
    """
    result = _compact_once(model)
    while result.removed_layers:
        # Without a layer, channels that it tied together may be removed separately.
        again = _compact_once(result.model)
        if not again.removed_layers and not again.removed_channels:
            break
        _follow(result, again, {layer.name for layer in model.layers})
    return result


def _compact_once(model: keras.Model) -> CompactionResult:
    graph = channel_graph(model)
    _check_finite(model)
    # Layers of constants may have more weights than the layers that they replace.
    for with_constants in (True, False):
        liveness = find_liveness(graph, with_constants)
        result = _rewrite(graph, liveness)
        if _pays(result) or not _changes(graph, liveness):
            return result
    liveness.keep[:] = True
    liveness.plan = whole_plan(graph)
    return _rewrite(graph, liveness)


def _follow(result: CompactionResult, again: CompactionResult, names: set[str]) -> None:
    """Add a further compaction of its model to ``result``; ``names`` are the original's layers."""
    result.model, result.params_after = again.model, again.params_after
    left = {layer.name for layer in again.model.layers}
    both = Counter(result.removed_channels) + Counter(again.removed_channels)
    # A layer of constants, or a removed layer, has no channels to count.
    result.removed_channels = {
        name: number
        for name, number in both.items()
        if name.split("/")[0] in names & left and name not in again.removed_layers
    }
    gone = [name for name in again.removed_layers if name.split("/")[0] in names]
    result.removed_layers += gone


def _changes(graph: ChannelGraph, liveness: Liveness) -> bool:
    return not liveness.plan.is_whole(graph) or _shrinks(graph, liveness)


def _shrinks(graph: ChannelGraph, liveness: Liveness) -> bool:
    built = [t for number in liveness.plan.inputs for t in graph.steps[number].outputs]
    return not all(liveness.keep[graph.channels[t]].all() for t in built)


def _pays(result: CompactionResult) -> bool:
    saved = result.params_before - result.params_after
    return saved > 0 or (saved == 0 and bool(result.removed_layers))


def _check_finite(model: keras.Model) -> None:
    """Refuse weights that are NaN or infinite: constants and needs can't be found from them.

    Raises
    ------
    CompactionError
        A weight is NaN or infinite.
    """
    for layer in model.layers:
        for weight in [] if isinstance(layer, keras.Model) else layer.weights:
            values = weight.numpy()
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                name = weight.name.split("/")[-1].removesuffix(":0")
                raise CompactionError(
                    f"Layer {layer.name!r} of model {model.name!r} has NaN or infinite values in "
                    f"its {name}, since the training diverged; lower the learning rate and train "
                    "it again."
                )


def _rewrite(graph: ChannelGraph, liveness: Liveness) -> CompactionResult:
    steps = {id(step.layer): step for step in graph.steps}
    result = CompactionResult(graph.model, graph.model.count_params(), 0)
    weights: dict[str, dict[str, np.ndarray]] = {}
    changing = _changes(graph, liveness)

    def clone(layer):
        step = steps.get(id(layer))
        if isinstance(layer, keras.Model) and getattr(layer, "_is_graph_network", False):
            return _clone_nested(layer, result)
        if step is None or isinstance(step.rule, Unknown) or not changing:
            return plain_copy(layer, step)
        config, weights[layer.name] = _shrink(graph, liveness, step)
        if step.rule.attributes:
            _count(graph, liveness, step, result)
        return _runnable(plain_copy(layer, step, config), layer, weights)

    def values(t: int) -> np.ndarray:
        return np.nan_to_num(liveness.constants[t][liveness.keep[graph.channels[t]]])

    try:
        if liveness.plan.is_whole(graph):
            result.model = keras.models.clone_model(graph.model, clone_function=clone)
        else:
            result.model = rebuild(graph, liveness.plan, clone, values=values)
    except (TypeError, ValueError, NotImplementedError) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise CompactionError(
            f"Model {graph.model.name!r} can't be built from the configurations of its layers, so "
            f"it can't be compacted or loaded from a file; change its layers ({why})"
        ) from error
    originals = {layer.name: layer for layer in graph.model.layers}
    # Layers of constants already have their weights, and are not copies.
    built = {graph.steps[number].layer.name for number in liveness.plan.inputs}
    for layer in result.model.layers:
        if layer.name in built:
            set_weights(layer, originals[layer.name], weights.get(layer.name))
    new = {layer.name for layer in result.model.layers}
    result.removed_layers += [name for name in originals if name not in new]
    result.params_after = result.model.count_params()
    result.frozen = graph.reasons + result.frozen
    result.frozen_channels += sum(
        int(graph.frozen[graph.channels[step.outputs[0]]].sum())
        for step in graph.steps
        if any("kernel" in name for name in step.rule.attributes)
    )
    return result


def _shrink(graph: ChannelGraph, liveness: Liveness, step: Step):
    """Return the changes of the configuration and the weights of the smaller layer."""
    ins = [liveness.constants[t] for t in step.inputs]
    out = step.outputs[0]
    kept = liveness.keep[graph.channels[out]]
    original = graph.weights_of(step)
    changed = step.rule.fold(step, original, ins, liveness.needed[out])
    for name, axes in graph.axes(step).items():
        if name in changed:
            for axis, (_, channels) in axes.items():
                changed[name] = np.compress(liveness.keep[channels], changed[name], axis=axis)
    config = step.rule.config(step, int(kept.sum())) if not kept.all() else {}
    if "bias" in changed and "bias" not in original:
        config["use_bias"] = True
    return config, changed


def _runnable(layer, original, weights: dict[str, dict[str, np.ndarray]]):
    """Return a replacement for ``layer`` if TensorFlow could not run it as a graph.

    oneDNN aborts on a 1x1 depthwise convolution of a single channel that is followed by a 1x1
    convolution with a single filter; ``weights`` are changed too.
    """
    own = weights.get(layer.name, {})
    if "depthwise_kernel" not in own or own["depthwise_kernel"].size > 1:
        return layer
    if "pointwise_kernel" not in own:
        config = layer.get_config()
        if original.depthwise_kernel.shape.num_elements() > 1 and not config["use_bias"]:
            own["bias"] = np.zeros(1, own["depthwise_kernel"].dtype)
            return type(layer).from_config(config | {"use_bias": True})
        return layer
    if own["pointwise_kernel"].size > 1:
        return layer
    own["kernel"] = own.pop("depthwise_kernel") * own.pop("pointwise_kernel")
    config = layer.get_config()
    kept = ("name", "filters", "kernel_size", "strides", "padding", "use_bias", "dtype")
    plain = {name: config[name] for name in kept}
    is_flat = isinstance(layer, keras.layers.SeparableConv1D)
    plain_kind = keras.layers.Conv1D if is_flat else keras.layers.Conv2D
    return plain_kind(**plain, activation=layer.activation)


def _count(graph: ChannelGraph, liveness: Liveness, step: Step, result: CompactionResult) -> None:
    channels = graph.channels[step.outputs[0]]
    removed = int((~liveness.keep[channels]).sum())
    if removed and any("kernel" in name for name in step.rule.attributes):
        result.removed_channels[step.layer.name] = removed


def _clone_nested(layer: keras.Model, result: CompactionResult) -> keras.Model:
    inner = compact(layer)
    result.removed_layers += [f"{layer.name}/{name}" for name in inner.removed_layers]
    for name, removed in inner.removed_channels.items():
        result.removed_channels[f"{layer.name}/{name}"] = removed
    result.frozen += [(f"{layer.name}/{name}", reason) for name, reason in inner.frozen]
    result.frozen_channels += inner.frozen_channels
    return inner.model


def plain_copy(layer, step: Step | None, changes: dict | None = None):
    """Return a new layer of the same configuration with ``changes``, from plain Keras."""
    kind = type(layer).__name__
    number = step is not None and step.in_types[0] != tf.string
    if number and kind == "CastToFloat32" and layer.dtype == "float32":
        # Like the original, Rescaling casts its input, also integers, to the layer's type.
        return keras.layers.Rescaling(1.0, name=layer.name, dtype="float32")
    if number and kind == "ExpandLastDim":
        sizes = [-1 if size is None else size for size in step.in_shapes[0][1:]]
        if sizes.count(-1) <= 1:
            return keras.layers.Reshape((*sizes, 1), name=layer.name, dtype=layer.dtype)
    config = layer.get_config()
    if "activation" in config:
        config["activation"] = layer.activation  # a function that can't be found by a name
    if changes:
        # The declared shape of a layer of a Sequential would have the old number of channels.
        config.pop("batch_input_shape", None)
        config.update(changes)
    return layer.__class__.from_config(config)


def set_weights(layer, original, changed: dict[str, np.ndarray] | None) -> None:
    """Give a layer the ``changed`` weights by attribute; others are those of the original."""
    if isinstance(layer, keras.Model):
        return  # A nested model, which was compacted separately and has its weights.
    if changed:
        pairs = [(getattr(layer, name), value) for name, value in changed.items()]
        keras.backend.batch_set_value(pairs)
    elif original.weights:
        layer.set_weights(original.get_weights())
        if hasattr(layer, "finalize_state"):
            # Normalization computes with tensors made from its weights, not with the weights.
            layer.finalize_state()
