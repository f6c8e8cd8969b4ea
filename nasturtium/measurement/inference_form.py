"""The form in which a net is used, and so measured: its BatchNormalization folded away.

A run's ``model.keras`` keeps it, since pruning and other runs train on from there; TFLite's
converter folds it too. So all runs, the unpruned ones too, are measured alike.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

from nasturtium.compaction import fold_batch_normalization, verify
from nasturtium.models.files import load_model, save_model


@contextlib.contextmanager
def inference_file(
    path: str | os.PathLike, model: keras.Model | None = None
) -> Iterator[str | os.PathLike]:
    """A file of the model at ``path`` in the form that is measured; ``path`` if it has that form.

    Any other is gone after the block. On a GPU nothing is left in memory.

    Parameters
    ----------
    model
        The model at ``path``, where it is loaded already.

    Raises
    ------
    CompactionError
        The folded model computes something else.
    """
    with tf.device("/CPU:0"):
        model = load_model(path) if model is None else model
        folding = fold_batch_normalization(model)
        if folding.folded:
            verify(model, folding.model, is_complete=False)
    if not folding.folded:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="nasturtium-") as folder:
        file = Path(folder) / "model.keras"
        save_model(folding.model, file)
        del model, folding
        yield file


def load_inference_form(path: str | os.PathLike) -> keras.Model:
    """The model at ``path`` as it is measured; as :func:`inference_file`."""
    with inference_file(path) as file:
        return load_model(file)
