"""Train, validation and test by seed. Training and selection never get the test split."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.prepared import Prepared
from nasturtium.errors import DataError
from nasturtium.records.atomic import atomic_path


@dataclass(frozen=True)
class Split:
    """Features of shape (samples, \\*input_shape) and targets of shape (samples,)."""

    features: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class TrainingData:
    """What a training may see: the train split to fit, the validation split to choose by."""

    description: Description
    train: Split
    validation: Split


def write_split(path: str | Path, prepared: Prepared, settings: Mapping, seed: int) -> None:
    """Draw the splits of ``seed``, stratified for a classification, and write their indices.

    They are drawn once, and every run of the seed reads the same file.

    Parameters
    ----------
    path
        An ``.npz`` file with the arrays ``train``, ``validation`` and ``test``, ascending.
    settings
        ``validation``, the share of what is left after the test split, and ``test``, the share
        of all samples where no test split is published.

    Raises
    ------
    DataError
        A split would be empty.
    """
    from sklearn.model_selection import train_test_split

    everything = np.arange(len(prepared.targets))
    labels = prepared.targets if prepared.description.classes is not None else None

    def cut(indices: np.ndarray, share: float) -> list[np.ndarray]:
        stratify = None if labels is None else labels[indices]
        try:
            parts = train_test_split(indices, test_size=share, random_state=seed, stratify=stratify)
        except ValueError as error:
            raise DataError(
                f"Data set '{prepared.description.name}': can't be split by {dict(settings)} "
                f"({error}); change the shares under 'split'."
            ) from error
        # Sorted, so that reading from a memory map runs forward.
        return [np.sort(part) for part in parts]

    if prepared.test_from is None:
        rest, test = cut(everything, settings["test"])
    else:
        rest, test = everything[: prepared.test_from], everything[prepared.test_from :]
    train, validation = cut(rest, settings["validation"])
    with atomic_path(path) as temporary:
        np.savez(temporary, train=train, validation=validation, test=test)


def training_data(prepared: Prepared, path: str | Path) -> TrainingData:
    """The train and validation splits, by the indices in ``path``."""
    return TrainingData(
        prepared.description,
        train=_take(prepared, path, "train"),
        validation=_take(prepared, path, "validation"),
    )


def test_data(prepared: Prepared, path: str | Path) -> Split:
    """The test split, by the indices in ``path``. For ``measure`` alone."""
    return _take(prepared, path, "test")


def _take(prepared: Prepared, path: str | Path, name: str) -> Split:
    with np.load(path) as indices:
        chosen = indices[name]
    return Split(prepared.features[chosen], prepared.targets[chosen])
