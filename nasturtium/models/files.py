"""Models on disk: inference-ready ``.keras`` files, written atomically, loaded safely."""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping

import tf_keras as keras

from nasturtium.errors import ModelError
from nasturtium.records.atomic import atomic_path

# Where the classes of a model of plain Keras layers come from.
_MODULES = {
    "keras.constraints",
    "keras.initializers",
    "keras.layers",
    "keras.mixed_precision",
    "keras.regularizers",
}
_MODELS = {"Functional", "Sequential"}
_KERAS = {"keras", "tf_keras"}
# Layers that hold or name code.
_CODE = {"Lambda", "SlicingOpLambda", "TFOpLambda"}


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
        The file is no ``.keras`` archive, or names anything but plain layers. Keras's own safe mode
        refuses Python code alone: it imports any module that a file names, and calls its functions.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, IsADirectoryError) as error:
        # Keras would read it as a format of its past, which runs code.
        raise ModelError(f"{path}: is no .keras file; make it again with this study.") from error
    for module, name in _classes(config):
        is_layer = module in _MODULES and name[:1].isupper() and name not in _CODE
        is_model = name in _MODELS and str(module).partition(".")[0] in _KERAS
        if not (is_layer or is_model):
            raise ModelError(
                f"{path}: holds '{name}' of '{module}', which is no plain Keras layer and might "
                "run code; load it with Keras itself if you trust where it comes from."
            )
    return keras.models.load_model(path, compile=False, safe_mode=True)


def _classes(config: object) -> Iterator[tuple[object, str]]:
    """Module and name of every class or function that the configuration names."""
    if isinstance(config, Mapping):
        if "class_name" in config:
            yield config.get("module"), str(config["class_name"])
        for value in config.values():
            yield from _classes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _classes(value)
