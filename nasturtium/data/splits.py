"""Train, validation and test split of a seed. Training and selection never get the test split."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasturtium.data import text
from nasturtium.data.catalog import Description
from nasturtium.data.partition import check_published, cut_by_groups, cut_by_time
from nasturtium.data.prepared import Prepared
from nasturtium.errors import DataError
from nasturtium.records.checksums import read_arrays, write_arrays

logger = logging.getLogger(__name__)

# Fill values are computed for columns of this many bytes at once, read this many samples at a time.
_FILL_BYTES, _GATHERED_SAMPLES = 16 * 2**20, 16_384


@dataclass(frozen=True)
class Split:
    """Features of shape (samples, \\*input_shape) and targets of shape (samples,)."""

    features: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class TrainingData:
    """Data for a training: the train split for the fit, the validation split for every choice."""

    description: Description
    train: Split
    validation: Split


def write_split(path: str | Path, prepared: Prepared, settings: Mapping, seed: int) -> None:
    """Draw the splits of ``seed``, stratified for a classification, and write their indices.

    If the data set says so, groups stay whole, or validation and test have the latest samples. The
    splits are drawn once, and every run of the seed reads the same file.

    Parameters
    ----------
    path
        An ``.npz`` file with the ascending arrays ``train``, ``validation`` and ``test``. If
        missing values are imputed, it also has ``fill``, a value from the train split for each
        column. For texts it also has ``vocabulary``, the most frequent tokens of the train split.
    settings
        ``test`` is a share of all samples, used if no test split is published. ``validation`` is a
        share of the samples that are not in the test split.

    Raises
    ------
    DataError
        A split would be empty, a class has only one sample, or a column can't be imputed because
        it has no value in the train split.
    """
    everything = np.arange(len(prepared.targets))
    labels = prepared.targets if prepared.description.classes is not None else None
    trained = slice(prepared.test_from)
    if labels is not None:
        _check_classes(labels[trained], prepared.description)

    where = f"Data set '{prepared.description.name}'"
    if prepared.split_by and prepared.test_from is not None:
        check_published(prepared.order, prepared.split_by, prepared.test_from, where)

    def cut(indices: np.ndarray, share: float) -> list[np.ndarray]:
        if prepared.split_by == "group":
            return cut_by_groups(indices, prepared.order, share, seed, where)
        if prepared.split_by == "time":
            return cut_by_time(indices, prepared.order, share, where)
        try:
            return _cut(indices, share, seed, None if labels is None else labels[indices])
        except ValueError as error:
            raise DataError(
                f"Data set '{prepared.description.name}': can't be split by {dict(settings)} "
                f"({error}); change the shares under 'split', "
                "or remove classes with few samples."
            ) from error

    if prepared.test_from is None:
        rest, test = cut(everything, settings["test"])
    else:
        rest, test = everything[: prepared.test_from], everything[prepared.test_from :]
    train, validation = cut(rest, settings["validation"])
    if labels is not None:
        parts = {"train": train, "validation": validation, "test": test}
        _warn_of_lacking(labels, parts, prepared.description)
    fill = {"fill": _fill(prepared, train)} if prepared.description.impute else {}
    if prepared.tokens is not None:
        size = prepared.description.text["vocabulary"]
        fill["vocabulary"] = text.frequent(prepared.features[train], size)
    write_arrays(path, train=train, validation=validation, test=test, **fill)


def _cut(
    indices: np.ndarray, share: float, seed: int, labels: np.ndarray | None
) -> list[np.ndarray]:
    """``indices`` in two ascending parts, the second with ``share`` of them.

    Stratified by ``labels``. If a class has only one sample left, the first part gets it.
    """
    from sklearn.model_selection import train_test_split

    alone = np.zeros(len(indices), bool)
    if labels is not None:
        alone = np.bincount(labels)[labels] == 1
    stratify = None if labels is None else labels[~alone]
    first, second = train_test_split(
        indices[~alone], test_size=share, random_state=seed, stratify=stratify
    )
    # Sorted, so that a memory map is read forwards.
    return [np.sort(np.concatenate([first, indices[alone]])), np.sort(second)]


def _check_classes(labels: np.ndarray, description: Description) -> None:
    counts = np.bincount(labels, minlength=description.classes)
    if (counts == 1).any():
        name = description.class_name(int(np.argmax(counts == 1)))
        raise DataError(
            f"Data set '{description.name}': class '{name}' has only one sample, so it would be "
            "missing in the validation split; add samples, join the class with another one, or "
            "remove it."
        )


def _warn_of_lacking(
    labels: np.ndarray, splits: Mapping[str, np.ndarray], description: Description
) -> None:
    """Warn if classes are missing in a split, since its figures say nothing about them."""
    for split, indices in splits.items():
        counts = np.bincount(labels[indices], minlength=description.classes)
        lacking = [description.class_name(int(label)) for label in np.flatnonzero(counts == 0)]
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            names = ", ".join(f"'{name}'" for name in lacking[:3])
            logger.warning(
                "Data set '%s': the %s split has no sample of %s %s%s, so its figures say nothing "
                "about them; add samples, or join classes.",
                description.name,
                split,
                "class" if len(lacking) == 1 else "classes",
                names,
                more,
            )


def split_card(path: str | Path, prepared: Prepared) -> dict:
    """Number of samples in each split, with label counts for a classification, ready for JSON."""
    classes, card = prepared.description.classes, {}
    indices = read_arrays(path)
    for name in ("train", "validation", "test"):
        card[name] = {"samples": len(indices[name])}
        if classes is not None:
            counts = np.bincount(prepared.targets[indices[name]], minlength=classes)
            card[name]["label_counts"] = counts.tolist()
    if words := stored_words(path, prepared):
        card["vocabulary"] = words
    return card


def stored_words(path: str | Path, prepared: Prepared) -> list[str] | None:
    """Vocabulary of the nets of a split, most frequent tokens first; None if there are no texts."""
    vocabulary = read_arrays(path).get("vocabulary")
    if vocabulary is None:
        return None
    return [prepared.tokens[number - text.FIRST_WORD] for number in vocabulary]


def training_data(prepared: Prepared, path: str | Path) -> TrainingData:
    """The train and validation splits with the indices in ``path``."""
    return TrainingData(
        prepared.description,
        train=_take(prepared, path, "train"),
        validation=_take(prepared, path, "validation"),
    )


def test_data(prepared: Prepared, path: str | Path) -> Split:
    """The test split with the indices in ``path``. Only ``measure`` may read it."""
    return _take(prepared, path, "test")


def split_indices(path: str | Path, name: str) -> np.ndarray:
    """Places of a split's samples in the prepared data, in the order of the split."""
    return read_arrays(path)[name]


def stored_fill(path: str | Path) -> np.ndarray | None:
    """Replacement for missing values of each column, shape (columns,); None without imputing."""
    return read_arrays(path).get("fill")


def _fill(prepared: Prepared, train: np.ndarray) -> np.ndarray:
    """Replacement for missing values of each column or channel; float32 of shape (columns,)."""
    columns = prepared.features.shape[-1]
    rows = len(train) * int(np.prod(prepared.features.shape[1:-1]))
    statistic = np.nanmean if prepared.description.impute == "mean" else np.nanmedian
    at_once, fill = max(1, _FILL_BYTES // (8 * rows)), np.empty(columns, np.float32)
    for first in range(0, columns, at_once):
        chosen = slice(first, first + at_once)
        values = _gathered(prepared.features, train, chosen)
        empty = np.isnan(values).all(axis=0)
        if empty.any():
            names, number = prepared.description.feature_names, first + int(np.argmax(empty))
            raise DataError(
                f"Data set '{prepared.description.name}': column "
                f"'{names[number] if names else number + 1}' has no value in the train split; "
                "leave it out of 'features'."
            )
        fill[chosen] = statistic(values, axis=0)
    return fill


def _gathered(features: np.ndarray, indices: np.ndarray, columns: slice) -> np.ndarray:
    """Values of some columns or channels in some samples, float64 of shape (rows, columns)."""
    parts = []
    for start in range(0, len(indices), _GATHERED_SAMPLES):
        block = features[indices[start : start + _GATHERED_SAMPLES]][..., columns]
        parts.append(block.reshape(-1, block.shape[-1]).astype(np.float64))
    return np.concatenate(parts)


def _take(prepared: Prepared, path: str | Path, name: str) -> Split:
    indices = read_arrays(path)
    chosen, fill = indices[name], indices.get("fill")
    features = prepared.features[chosen]
    if fill is not None:
        features = np.where(np.isnan(features), fill, features)
    if prepared.tokens is not None:
        features = text.renumbered(features, indices["vocabulary"], len(prepared.tokens))
    return Split(features, prepared.targets[chosen])
