"""The form in which a net is used and measured: with folded BatchNormalization.

A run's ``model.keras`` keeps the layer, since pruning and other runs continue to train it; TFLite's
converter folds it too. So all runs, including unpruned ones, are measured in the same way.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction import fold_batch_normalization, verify
from nasturtium.models.files import load_model, save_model


@dataclass(frozen=True)
class InferenceForm:
    """A model in the form that is measured.

    Attributes
    ----------
    path
        Its file.
    """

    path: str | os.PathLike
    _model: keras.Model | None = field(default=None, repr=False)

    def model(self) -> keras.Model:
        """The model; it is loaded on first use."""
        return load_model(self.path) if self._model is None else self._model


@contextlib.contextmanager
def inference_file(
    path: str | os.PathLike, model: keras.Model | None = None
) -> Iterator[InferenceForm]:
    """The model at ``path`` in the form that is measured: ``path`` itself if it has that form.

    Any other file is removed after the block. Nothing remains in the memory of a GPU.

    Parameters
    ----------
    model
        The model at ``path``, if it is already loaded.

    Raises
    ------
    CompactionError
        The folded model does not compute the same.
    """
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    given = model
    with tf.device("/CPU:0"):
        model = load_model(path) if model is None else model
        folding = fold_batch_normalization(model)
        if folding.folded:
            verify(model, folding.model, is_complete=False)
    if not folding.folded:
        form = InferenceForm(path, given if on_gpu else model)
        del model, folding
        yield form
        return
    with tempfile.TemporaryDirectory(prefix="nasturtium-") as folder:
        file = Path(folder) / "model.keras"
        save_model(folding.model, file)
        form = InferenceForm(file, None if on_gpu else folding.model)
        del model, folding
        yield form


def load_inference_form(path: str | os.PathLike) -> keras.Model:
    """The model at ``path`` as it is measured; as :func:`inference_file`."""
    with inference_file(path) as form:
        return form.model()
