"""Models on disk: inference-ready ``.keras`` files, written atomically, loaded safely."""

import os

import tf_keras as keras

from nasturtium.records.atomic import atomic_path


def save_model(model: keras.Model, path: str | os.PathLike) -> None:
    """Write ``model`` to ``path`` without optimizer state, as a ``.keras`` file."""
    with atomic_path(path) as temporary:
        # save_model would store the optimizer's slots; a model without one is inference-ready.
        plain = keras.Model.from_config(model.get_config())
        plain.set_weights(model.get_weights())
        plain.save(temporary)


def load_model(path: str | os.PathLike) -> keras.Model:
    """Load a ``.keras`` file, uncompiled. Its layers are Keras's own; no code in it runs."""
    return keras.models.load_model(path, compile=False, safe_mode=True)
