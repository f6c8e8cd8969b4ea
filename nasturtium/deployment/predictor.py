"""Predictions for raw samples, by a run's model or by a file made from it.

A ``.tflite`` file with its ``model.json`` needs no TensorFlow: ``ai-edge-litert`` runs it.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from nasturtium.deployment.inputs import describe_inputs, features_of
from nasturtium.deployment.scaling import Scaling
from nasturtium.errors import DataError, ModelError
from nasturtium.models.lite import Interpreter
from nasturtium.records.checksums import read_json

CARD = "model.json"
KERAS, FLOAT32, INT8 = "model.keras", "model_float32.tflite", "model_int8.tflite"
_BATCH = 1024


class Predictor:
    """Predicts for raw samples.

    Attributes
    ----------
    classes
        Names of the classes, or labels from 0 if they have no names; None for a regression.
    unit
        Unit of a regression's target, or None if unknown.
    """

    def __init__(self, card: Mapping, run: Callable[[np.ndarray], np.ndarray]):
        self._inputs, self._run = card["input"], run
        named = card["class_names"]
        count = card["classes"]
        self.classes = None if count is None else np.asarray(named or np.arange(count))
        self.unit = card["target_unit"]

    def outputs(self, samples: object, separator: str | None = None) -> np.ndarray:
        """The net's outputs, float64: probabilities (samples, classes), or values (samples, 1).

        Parameters
        ----------
        samples, separator
            As :func:`nasturtium.deployment.inputs.features_of` takes them.

        Raises
        ------
        DataError
            The samples do not fit the training data; the sentence names row and column.
        """
        outputs = np.asarray(self._run(features_of(self._inputs, samples, separator)), np.float64)
        if not np.isfinite(outputs).all():
            row = int(np.argwhere(~np.isfinite(outputs))[0][0])
            raise DataError(
                f"Row {row + 1} of the samples: the net's output is not finite, since the values "
                "of the row are too far from the training data; correct or remove the row."
            )
        return outputs

    def predict(self, samples: object, separator: str | None = None) -> np.ndarray:
        """Class names, or values in the target's unit; shape (samples,). As :meth:`outputs`."""
        outputs = self.outputs(samples, separator)
        return outputs[:, 0] if self.classes is None else self.classes[outputs.argmax(axis=1)]


def load_predictor(model: str | os.PathLike, results: str | os.PathLike = "results") -> Predictor:
    """A predictor of a run, or of a file.

    Parameters
    ----------
    model
        Name of a run, ``digits/seed0/baseline``, whose ``model.keras`` is used; the path of a
        ``model.keras`` below the results; a folder ``deployed``, whose int8 file is used; or one
        of the ``.tflite`` files in it.
    results
        Folder of the results.

    Raises
    ------
    ModelError
        There is no such model, or a file is not the one that its ``model.json`` describes.
    """
    path = Path(model)
    if not path.exists():
        path = Path(results) / model
    if (path / CARD).is_file():
        path = path / INT8 if (path / INT8).is_file() else path / FLOAT32
    elif path.is_dir():
        path = path / KERAS
    if not path.is_file():
        raise ModelError(
            f"{path}: there is no such model; name a run, as in digits/seed0/baseline, or a file."
        )
    if path.suffix == ".tflite":
        return _of_tflite(path)
    if path.suffix == ".keras":
        return _of_keras(path)
    raise ModelError(f"{path}: is no model; give a .keras or .tflite file, or a run.")


def describe_model(
    description, fill: np.ndarray | None, words: list[str] | None = None
) -> dict[str, object]:
    """What a predictor needs to know besides the net, ready for JSON.

    Parameters
    ----------
    description
        The data set's :class:`nasturtium.data.catalog.Description`.
    fill, words
        As for :func:`nasturtium.deployment.inputs.describe_inputs`.
    """
    return {
        "task": description.task,
        "input": describe_inputs(description, fill, words),
        "classes": description.classes,
        "class_names": description.class_names and list(description.class_names),
        "target_unit": description.target_unit,
    }


def _of_tflite(path: Path) -> Predictor:
    card_path = path.parent / CARD
    if not card_path.is_file():
        raise ModelError(
            f"{path}: its folder has no {CARD}, which describes the inputs; copy the whole folder."
        )
    card = read_json(card_path, remedy="copy the whole folder again")
    known = card["files"].get(path.name)
    content = path.read_bytes()
    if known is None or hashlib.sha256(content).hexdigest() != known["sha256"]:
        raise ModelError(f"{path}: is not the file that {card_path} describes; copy both again.")
    standardise, restore = Scaling(**known["input"]), Scaling(**known["output"])
    interpreter = Interpreter(content)
    return Predictor(card, lambda features: restore(interpreter.predict_all(standardise(features))))


def _of_keras(path: Path) -> Predictor:
    # The other kind does not need TensorFlow.
    from nasturtium.data import prepared
    from nasturtium.data.splits import stored_fill, stored_words
    from nasturtium.models.files import load_model

    parents = path.absolute().parents
    seed = next((parent for parent in parents if re.fullmatch(r"seed\d+", parent.name)), None)
    data = seed and seed.parent.parent / "data" / seed.parent.name
    if data is None or not (data / prepared.CARD).is_file():
        raise ModelError(
            f"{path}: its inputs are not known, since its results folder does not have the data "
            "set that it was trained on; use a file in its folder 'deployed' instead."
        )
    source, split = prepared.read(data), data / f"{seed.name}.split.npz"
    net = load_model(path)

    def run(features: np.ndarray) -> np.ndarray:
        parts = [features[i : i + _BATCH] for i in range(0, len(features), _BATCH)]
        return np.concatenate([net(part, training=False).numpy() for part in parts])

    words = stored_words(split, source)
    return Predictor(describe_model(source.description, stored_fill(split), words), run)
