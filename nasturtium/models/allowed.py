"""The allow-list of layers and arguments in the configuration of a model file.

Keras builds any class of any module that a file names. So a file's configuration is checked here
before Keras gets it.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from functools import cache

import tf_keras as keras

from nasturtium.models.allowed_graph import MOST_STATISTICS, calls_of, check_order
from nasturtium.models.archive import NotAllowed
from nasturtium.models.layers import LAYERS


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INITIALIZERS = _names(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
    """
)
_PARTS = {
    "keras.initializers": _INITIALIZERS,
    "keras.regularizers": frozenset(["L1", "L2", "L1L2"]),
    "keras.constraints": frozenset(["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"]),
    "keras.mixed_precision": frozenset(["Policy"]),
}
# Suffixes of arguments' names, and the allowed values.
_PLACES = {
    "_initializer": "keras.initializers",
    "_regularizer": "keras.regularizers",
    "_constraint": "keras.constraints",
    "dtype": "keras.mixed_precision",
}
_MODELS = {
    "Functional": "tf_keras.src.engine.functional",
    "Sequential": "tf_keras.src.engine.sequential",
}
_MODEL_KEYS = {
    "name", "trainable", "layers", "input_layers", "output_layers", "dtype", "build_input_shape",
}  # fmt: skip
_OBJECT_KEYS = {"module", "class_name", "config", "registered_name", "shared_object_id"}
_LAYER_KEYS = _OBJECT_KEYS | {"build_config", "inbound_nodes", "name"}
_COMMON_ARGUMENTS = {"name", "trainable", "dtype", "batch_input_shape", "activity_regularizer"}
# Arguments with which a layer would contain something other than a plain value.
_NEVER = {"self", "args", "kwargs", "weights", "input_tensor", "type_spec", "dynamic"}
_ACTIVATIONS = _names(
    """
    elu exponential gelu hard_sigmoid leaky_relu linear mish relu relu6 selu sigmoid softmax
    softplus softsign swish tanh
    """
)
_DTYPES = _names(
    """
    bfloat16 float16 float32 float64 int32 int64 mixed_bfloat16 mixed_float16 uint8
    """
)
_MOST_LAYERS, _DEEPEST, _LONGEST_TEXT, _LARGEST_NUMBER = 1_000, 64, 500, 1e30
# Longest lists in arguments: axes and sizes are short, statistics have one number per column.
_LARGEST_SIZE, _LONGEST_LIST = 10**7, 64


def check_config(text: bytes) -> dict:
    """The model's configuration, if it only has the study's layers and plain arguments.

    Raises
    ------
    NotAllowed
        It names something else.
    ValueError
        It is not JSON.
    """
    try:
        config = json.loads(text)
    except RecursionError:
        raise NotAllowed("has a configuration that nests too deeply") from None
    if not isinstance(config, Mapping):
        raise NotAllowed("has a configuration that is not a model's")
    if config.pop("compile_config", None) is not None:
        raise NotAllowed("holds a compiled model; save it uncompiled")
    calls = 0
    for number in _checked_model(config, 0):
        calls += number
        if calls > _MOST_LAYERS:
            raise NotAllowed(f"has layers that are called more than {_MOST_LAYERS:,} times")
    return config


def _checked_model(config: Mapping, depth: int) -> Iterator[int]:
    """Calls and their inputs by layer, including nested ones; each layer is checked.

    The shapes with which layers were built are removed from ``config``. They follow from the calls,
    and Keras would build a layer for a shape that no sample has.
    """
    _check_depth(depth)
    kind = config.get("class_name")
    is_model = kind in _MODELS and config.get("module") in (_MODELS[kind], "keras", "keras.models")
    if not is_model:
        raise NotAllowed(
            f"holds '{kind}' of '{config.get('module')}', which is no plain Keras model"
        )
    _check_keys(config, _LAYER_KEYS, f"model '{kind}'")
    if config.get("registered_name") not in (None, kind):
        raise NotAllowed(f"registers '{kind}' under another name")
    body = config.get("config")
    if not isinstance(body, Mapping):
        raise NotAllowed(f"has a model '{kind}' without configuration")
    _check_keys(body, _MODEL_KEYS, f"model '{kind}'")
    for key, value in body.items():
        if key != "layers":
            _check_plain(value, depth + 1)
    _check_outside(config, depth)
    layers = body.get("layers")
    if not isinstance(layers, list):
        raise NotAllowed(f"has a model '{kind}' without a list of layers")
    for layer in layers:
        if not isinstance(layer, Mapping):
            raise NotAllowed("has a layer without configuration")
        if layer.get("class_name") in _MODELS:
            yield from _checked_model(layer, depth + 1)
        else:
            _check_layer(layer, depth + 1)
        layer.pop("build_config", None)
        yield max(1, sum(len(call) for call in calls_of(layer)))
    if kind == "Functional":
        check_order(layers)


def _check_layer(config: Mapping, depth: int) -> None:
    kind, module = config.get("class_name"), config.get("module")
    if kind not in LAYERS or module != "keras.layers" or config.get("registered_name") is not None:
        raise NotAllowed(
            f"holds '{kind}' of '{module}', which is no plain Keras layer and might run code"
        )
    _check_keys(config, _LAYER_KEYS, f"layer '{kind}'")
    _check_outside(config, depth)
    arguments = config.get("config")
    if not isinstance(arguments, Mapping):
        raise NotAllowed(f"has a layer '{kind}' without configuration")
    _check_keys(arguments, _arguments(kind), f"layer '{kind}'")
    for name, value in arguments.items():
        _check_argument(name, value, depth + 1)


def _check_argument(name: str, value: object, depth: int) -> None:
    if isinstance(value, Mapping):
        module = next((m for end, m in _PLACES.items() if name.endswith(end)), None)
        kind = value.get("class_name")
        is_known = value.get("module") == module and kind in _PARTS.get(module, ())
        if not is_known or value.get("registered_name") is not None:
            raise NotAllowed(f"holds '{kind}' of '{value.get('module')}' as {name}")
        _check_keys(value, _OBJECT_KEYS, f"'{kind}'")
        inner = value.get("config")
        if not isinstance(inner, Mapping):
            raise NotAllowed(f"has a '{kind}' without configuration")
        for key, part in inner.items():
            if isinstance(part, Mapping):
                raise NotAllowed(f"has values that are not plain in '{kind}'")
            _check_plain(key, depth)
            _check_plain(part, depth + 1)
        if module == "keras.mixed_precision":
            _check_one_of(inner.get("name"), _DTYPES, "dtype")
    elif name == "dtype":
        _check_one_of(value, _DTYPES, name)
    elif name == "activation":
        _check_one_of(value, _ACTIVATIONS, name)
    elif name in ("mean", "variance"):
        _check_numbers(value, name)
    elif isinstance(value, list) and len(value) > _LONGEST_LIST:
        raise NotAllowed(f"has more than {_LONGEST_LIST} numbers as {name}")
    elif isinstance(value, str) and name.endswith(tuple(_PLACES)):
        raise NotAllowed(f"names '{value[:40]}' as {name}, which Keras never writes")
    else:
        _check_plain(value, depth)


def _check_numbers(value: object, name: str) -> None:
    """A number or a plain list of numbers; a frame's may have any finite size."""
    numbers = value if isinstance(value, list) else [] if value is None else [value]
    if len(numbers) > MOST_STATISTICS:
        raise NotAllowed(f"has more than {MOST_STATISTICS:,} numbers as {name}")
    for number in numbers:
        if type(number) not in (int, float) or not abs(number) < _LARGEST_NUMBER:
            raise NotAllowed(f"has a {name} that is no list of finite numbers")


def _check_outside(config: Mapping, depth: int) -> None:
    """Entries besides a layer's arguments: its name, its input's shape, its calls."""
    for key in ("name", "shared_object_id"):
        _check_plain(config.get(key), depth)
    built = config.get("build_config") or {}
    if not isinstance(built, Mapping) or set(built) - {"input_shape"}:
        raise NotAllowed("has a layer whose build configuration is more than a shape")
    _check_plain(list(built.values()), depth)
    _check_plain(config.get("inbound_nodes"), depth, mappings=True)


def _check_plain(value: object, depth: int, *, mappings: bool = False) -> None:
    """Numbers, booleans, short strings and lists of them; for a call's arguments also mappings."""
    _check_depth(depth)
    if isinstance(value, list):
        for part in value:
            _check_plain(part, depth + 1, mappings=mappings)
    elif mappings and isinstance(value, Mapping) and "class_name" not in value:
        _check_plain([*value, *value.values()], depth + 1)
    elif isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise NotAllowed("has a text of more than 500 characters")
    elif isinstance(value, int):
        if abs(value) > _LARGEST_SIZE:
            raise NotAllowed(f"holds a size above {_LARGEST_SIZE:,}")
    elif isinstance(value, float):
        if not abs(value) < _LARGEST_NUMBER:
            raise NotAllowed("holds a number that is not finite")
    elif value is not None:
        raise NotAllowed("has values that are not plain in its configuration")


def _check_keys(config: Mapping, allowed: set[str] | frozenset[str], where: str) -> None:
    for key in config:
        if key not in allowed:
            raise NotAllowed(f"gives {where} the argument '{str(key)[:40]}'")


def _check_one_of(value: object, allowed: frozenset[str], name: str) -> None:
    if value is not None and value not in allowed:
        raise NotAllowed(f"names '{str(value)[:40]}' as {name}")


def _check_depth(depth: int) -> None:
    if depth > _DEEPEST:
        raise NotAllowed("has a configuration that nests too deeply")


@cache
def _arguments(kind: str) -> frozenset[str]:
    """Names of a layer's arguments: those of its class, and those that all layers have."""
    named = {
        parameter
        for ancestor in getattr(keras.layers, kind).__mro__
        if issubclass(ancestor, keras.layers.Layer)
        for parameter in inspect.signature(ancestor.__init__).parameters
    }
    return frozenset((named | _COMMON_ARGUMENTS) - _NEVER)
