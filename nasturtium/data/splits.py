"""Train, validation and test by seed. Training and selection never get the test split."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.prepared import Prepared
from nasturtium.errors import DataError


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


def training_data(prepared: Prepared, settings: Mapping, seed: int) -> TrainingData:
    """The train and validation splits of ``seed``.

    Parameters
    ----------
    settings
        ``validation``, the share of what is left after the test split, and ``test``, the share
        of all samples where no test split is published.

    Raises
    ------
    DataError
        A split would be empty.
    """
    train, validation, _ = _indices(prepared, settings, seed)
    return TrainingData(
        prepared.description,
        train=_take(prepared, train),
        validation=_take(prepared, validation),
    )


def test_data(prepared: Prepared, settings: Mapping, seed: int) -> Split:
    """The test split: the published one, or the share drawn by ``seed``. For ``measure`` alone."""
    return _take(prepared, _indices(prepared, settings, seed)[2])


def _take(prepared: Prepared, indices: np.ndarray) -> Split:
    return Split(prepared.features[indices], prepared.targets[indices])


def _indices(prepared: Prepared, settings: Mapping, seed: int) -> tuple[np.ndarray, ...]:
    from sklearn.model_selection import train_test_split

    everything = np.arange(len(prepared.targets))
    labels = prepared.targets if prepared.description.classes is not None else None

    def cut(indices: np.ndarray, share: float) -> list[np.ndarray]:
        stratify = None if labels is None else labels[indices]
        try:
            # Sorted, so that reading from a memory map runs forward.
            parts = train_test_split(indices, test_size=share, random_state=seed, stratify=stratify)
        except ValueError as error:
            raise DataError(
                f"Data set '{prepared.description.name}': can't be split by {dict(settings)} "
                f"({error}); change the shares under 'split'."
            ) from error
        return [np.sort(part) for part in parts]

    if prepared.test_from is None:
        rest, test = cut(everything, settings["test"])
    else:
        rest, test = everything[: prepared.test_from], everything[prepared.test_from :]
    train, validation = cut(rest, settings["validation"])
    return train, validation, test
