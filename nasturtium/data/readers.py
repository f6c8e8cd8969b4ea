"""The function that reads each data set."""

from collections.abc import Mapping

# Imported by name, not with importlib, so that an edited reader prepares its data sets again.
from nasturtium.data import california_housing, cifar10, diabetes, digits, mnist, sat6
from nasturtium.data.catalog import Description, describe
from nasturtium.data.own import idx, image_folder, long_table, npz, tables, texts, ts
from nasturtium.data.samples import Samples
from nasturtium.errors import DataError

_READERS = {
    "digits": digits.read,
    "diabetes": diabetes.read,
    "mnist": mnist.read,
    "cifar10": cifar10.read,
    "cifar10_train": cifar10.read_training_images,
    "sat6": sat6.read,
    "california_housing": california_housing.read,
}
_OWN = {
    "npz": npz.read,
    "idx": idx.read,
    "csv": tables.read,
    "parquet": tables.read,
    "folder-of-images": image_folder.read,
    "ts": ts.read,
}
# Tables of sequences have one row per step.
_OWN_SEQUENCES = {**_OWN, "csv": long_table.read, "parquet": long_table.read}


def read(dataset: str) -> Samples:
    """All samples of ``dataset`` from its source files.

    Raises
    ------
    DataError
        The data set has no reader, or a source file is missing or broken.
    """
    if dataset not in _READERS:
        raise DataError(
            f"Data set '{dataset}' has no reader; choose from {', '.join(_READERS)}, or describe "
            "it under 'own_datasets'."
        )
    return _READERS[dataset]()


def read_described(dataset: str, own: Mapping | None) -> tuple[Description, Samples]:
    """Description and samples of a built-in data set, or of a user's data set.

    Parameters
    ----------
    own
        The data set's entry under ``own_datasets``, checked by
        :mod:`nasturtium.data.own.described`; None for a built-in data set.

    Raises
    ------
    DataError
        The data set has no reader, or a source file is missing or broken.
    """
    if own is None:
        return describe(dataset), read(dataset)
    if own.get("kind") == "text":
        return texts.read(dataset, own)
    readers = _OWN_SEQUENCES if own.get("kind") == "sequence" else _OWN
    return readers[own["format"]](dataset, own)
