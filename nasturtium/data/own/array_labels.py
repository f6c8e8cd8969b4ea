"""The usual forms of labels in arrays: numbers from 0, one-hot rows, texts, -1 and +1."""

from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.data.own import checks, classes
from nasturtium.errors import DataError


def array_labels(
    parts: Sequence[np.ndarray], wheres: Sequence[str], own: Mapping
) -> tuple[list[np.ndarray], tuple[str, ...] | None]:
    """Labels from 0 of each part, int64 of shape (samples,), and the classes' names if any.

    Parameters
    ----------
    parts
        Arrays of shape (samples,), or (samples, classes) if they are one-hot. The labels of the
        test split come last.
    wheres
        Name of each array in an error.

    Raises
    ------
    DataError
        The arrays hold no labels, or the test split has a label that training never sees.
    """
    if any(part.ndim == 2 for part in parts):
        parts = [_of_one_hot(part, where) for part, where in zip(parts, wheres, strict=True)]
    kinds = {part.dtype.kind for part in parts}
    if kinds <= {"U", "S"}:
        texts = [_texts(part, where) for part, where in zip(parts, wheres, strict=True)]
        return _named(texts, wheres)
    if kinds & {"U", "S"}:
        raise DataError(
            f"{wheres[-1]}: has text or number labels, unlike {wheres[0]}; save both alike."
        )
    if "classes" not in own and _are_signed(parts):
        return _named([[str(int(v)) for v in part.tolist()] for part in parts], wheres)
    labels = [
        checks.labels(part, where, own.get("classes"))
        for part, where in zip(parts, wheres, strict=True)
    ]
    checks.known_labels(labels[-1], labels[0], wheres[-1], wheres[0])
    return labels, None


def _named(
    texts: Sequence[Sequence[str]], wheres: Sequence[str]
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    labels, names = classes.numbered(texts, wheres, wheres)
    return np.split(labels, np.cumsum([len(part) for part in texts])[:-1]), names


def _of_one_hot(values: np.ndarray, where: str) -> np.ndarray:
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise DataError(f"{where}: is no array of one-hot labels; save one label for each sample.")
    good = np.isin(values, (0, 1)).all(axis=1) & (values.astype(np.float64).sum(axis=1) == 1)
    if not good.all():
        raise DataError(
            f"{where}: row {int(np.argmin(good)) + 1} is not one-hot (a single 1 among zeros); "
            "save one label for each sample."
        )
    return values.argmax(axis=1)


def _texts(values: np.ndarray, where: str) -> list[str]:
    if values.dtype.kind == "U":
        return values.tolist()
    try:
        return [value.decode("utf-8") for value in values.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: holds labels that are not UTF-8; save them as text.") from error


def _are_signed(parts: Sequence[np.ndarray]) -> bool:
    """Whether the labels are few whole numbers, some below 0, such as -1 and +1, or -2 to 2."""
    found = np.unique(np.concatenate([part.astype(np.float64) for part in parts]))
    return bool(len(found) <= 100 and found[0] < 0 and (found == np.floor(found)).all())
