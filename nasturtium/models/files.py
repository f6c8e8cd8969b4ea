"""Models on disk: inference-ready ``.keras`` files, written atomically, loaded safely."""

import json
import math
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

from nasturtium.errors import ModelError
from nasturtium.models import archive
from nasturtium.models.allowed import check_config
from nasturtium.models.allowed_graph import check_statistics, given_statistics
from nasturtium.models.seeds import seeds_kept
from nasturtium.records.atomic import atomic_path

_LARGEST_FILE = 2**30
# Values of one layer's output for one sample: 400 MB.
_MOST_VALUES = 10**8
# Errors of a truncated or changed archive, JSON or HDF5 file.
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError)


def save_model(model: keras.Model, path: str | os.PathLike) -> None:
    """Write ``model`` to ``path`` without optimizer state, as a ``.keras`` file."""
    with atomic_path(path) as temporary:
        # save_model would store the optimizer's slots; a model without one is inference-ready.
        plain = keras.Model.from_config(model.get_config())
        plain.set_weights(model.get_weights())
        plain.save(temporary)


def load_model(path: str | os.PathLike) -> keras.Model:
    """Load a ``.keras`` file, uncompiled. Its layers are Keras's own; no code in it runs.

    Raises
    ------
    ModelError
        The file is not a ``.keras`` archive, or has something other than plain weights and the
        layers and arguments in :mod:`nasturtium.models.allowed`. Keras's own safe mode refuses only
        Python code: it imports any module that a file names, and calls its functions.
    FileNotFoundError
        There is no such file.
    """
    content = _read(Path(path))
    try:
        members = archive.read_members(content)
        config = check_config(members[archive.CONFIG])
        shapes = archive.check_weights(members[archive.WEIGHTS])
    except archive.NotAllowed as error:
        raise _not_allowed(path, error) from error
    except _DAMAGED as error:
        # Keras would read it as an older format, which can run code.
        raise _no_file(path) from error
    try:
        _check_size(config, shapes)
        return _load({**members, archive.CONFIG: json.dumps(config).encode()})
    except archive.NotAllowed as error:
        raise _not_allowed(path, error) from error
    # Keras and TensorFlow may raise errors of any class.
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"{path}: its layers and weights don't fit together ({first}); create it again with "
            "this study."
        ) from error


def _read(path: Path) -> bytes:
    """The file's bytes, read once, so that the checked bytes are loaded."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ModelError(f"{path}: is larger than {_LARGEST_FILE:,} bytes; make a smaller net.")
        return path.read_bytes()
    except IsADirectoryError as error:
        raise _no_file(path) from error


def _no_file(path: str | os.PathLike) -> ModelError:
    return ModelError(f"{path}: is no .keras file; create it again with this study.")


def _not_allowed(path: str | os.PathLike, error: archive.NotAllowed) -> ModelError:
    return ModelError(f"{path}: {error}; if you trust its source, load it with Keras itself.")


def _check_size(config: dict, shapes: list[tuple[int, ...]]) -> None:
    """Refuse a model whose weights do not match the file, before memory is allocated for them.

    Raises
    ------
    NotAllowed
        Statistics that don't fit their input, or a huge output.
    ValueError
        The numbers of weights differ.
    """
    # In a separate graph nothing is computed, so variables only have shapes.
    with seeds_kept(), tf.Graph().as_default():
        # Dropout needs a seed if TensorFlow is deterministic.
        tf.compat.v1.set_random_seed(0)
        model = keras.saving.deserialize_keras_object(_without_statistics(config), safe_mode=True)
        wanted = sum(math.prod(weight.shape) for weight in model.weights)
        wanted -= _check_values(model, config)
    held = sum(math.prod(shape) for shape in shapes)
    if wanted != held:
        raise ValueError(f"the layers have {wanted:,} weights, the file {held:,}")


def _without_statistics(config: dict) -> dict:
    """A copy whose frames have weights instead of given statistics, which NumPy would expand."""
    if given_statistics(config):
        return {**config, "config": {**config["config"], "mean": None, "variance": None}}
    layers = config["config"].get("layers")
    if layers is None:
        return config
    inner = {**config["config"], "layers": [_without_statistics(layer) for layer in layers]}
    return {**config, "config": inner}


def _check_values(model: keras.Model, config: dict) -> int:
    """Check statistics and outputs of the built ``model``; returns weights missing in the file."""
    extra = 0
    for part in config["config"]["layers"]:
        if "layers" in part["config"]:
            extra += _check_values(model.get_layer(part["config"]["name"]), part)
        elif statistics := given_statistics(part):
            layer = model.get_layer(part["config"]["name"])
            values = math.prod(layer.adapt_mean.shape)
            check_statistics(statistics, values)
            extra += sum(math.prod(weight.shape) for weight in layer.weights)
    for layer in model.layers:
        for node in layer.inbound_nodes:
            for tensor in tf.nest.flatten(node.outputs):
                if math.prod(size or 1 for size in tensor.shape[1:]) > _MOST_VALUES:
                    raise archive.NotAllowed(f"has a layer '{layer.name[:40]}' with a huge output")
    return extra


def _load(members: Mapping[str, bytes]) -> keras.Model:
    with tempfile.TemporaryDirectory(prefix="nasturtium-") as folder:
        copy = Path(folder) / "model.keras"
        with zipfile.ZipFile(copy, "w") as packed:
            for name, content in members.items():
                packed.writestr(name, content)
        return keras.models.load_model(copy, compile=False, safe_mode=True)
