"""The prepared form of a data set: two memory-mapped arrays and a card that says what they are."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.samples import Samples
from nasturtium.errors import DataError
from nasturtium.records.atomic import atomic_path

FEATURES, TARGETS, CARD = "features.npy", "targets.npy", "dataset.json"


@dataclass(frozen=True)
class Prepared:
    """A prepared data set; the arrays are memory-mapped, read only."""

    description: Description
    features: np.ndarray
    targets: np.ndarray
    test_from: int | None


def write(folder: str | Path, description: Description, samples: Samples) -> None:
    """Write the prepared form; the card comes last, so it stands only beside whole arrays.

    Raises
    ------
    DataError
        The samples don't have the described shape, or a label or value is out of range.
    """
    folder = Path(folder)
    _check(description, samples)
    for name, array in ((FEATURES, samples.features), (TARGETS, samples.targets)):
        with atomic_path(folder / name) as temporary:
            np.save(temporary, array)
    card = {
        "description": asdict(description),
        "samples": len(samples.features),
        "features_dtype": str(samples.features.dtype),
        "test_from": samples.test_from,
        "sources_sha256": samples.sources,
        "label_counts": _label_counts(description, samples),
    }
    with atomic_path(folder / CARD) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n")


def read(folder: str | Path) -> Prepared:
    """Open a prepared data set without reading its arrays into memory."""
    folder = Path(folder)
    card: Mapping = json.loads((folder / CARD).read_text())
    description = dict(card["description"])
    description["input_shape"] = tuple(description["input_shape"])
    return Prepared(
        description=Description(**description),
        features=np.load(folder / FEATURES, mmap_mode="r"),
        targets=np.load(folder / TARGETS, mmap_mode="r"),
        test_from=card["test_from"],
    )


def _label_counts(description: Description, samples: Samples) -> list[int] | None:
    if description.classes is None:
        return None
    return np.bincount(samples.targets, minlength=description.classes).tolist()


def _check(description: Description, samples: Samples) -> None:
    name = description.name
    if samples.features.shape[1:] != description.input_shape:
        raise DataError(
            f"Data set '{name}': its samples have shape {samples.features.shape[1:]}, not "
            f"{description.input_shape}; check its source files."
        )
    if len(samples.features) != len(samples.targets) or not len(samples.targets):
        raise DataError(
            f"Data set '{name}': {len(samples.features)} samples but {len(samples.targets)} "
            "targets; check its source files."
        )
    if description.classes is not None:
        low, high = int(samples.targets.min()), int(samples.targets.max())
        if low < 0 or high >= description.classes:
            raise DataError(
                f"Data set '{name}': labels run from {low} to {high}, not from 0 to "
                f"{description.classes - 1}; check its source files."
            )
    elif not (np.isfinite(samples.features).all() and np.isfinite(samples.targets).all()):
        raise DataError(f"Data set '{name}': holds values that are not finite; mend its source.")
