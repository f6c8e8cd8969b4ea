"""Which module reads which data set."""

import importlib
from collections.abc import Mapping

from nasturtium.data.catalog import Description, describe
from nasturtium.data.samples import Samples
from nasturtium.errors import DataError

# cifar10 has its net and settings, but no reader yet.
_READERS = ("digits", "diabetes", "mnist", "california_housing", "sat6")
_OWN = {
    "npz": "npz",
    "idx": "idx",
    "csv": "tables",
    "parquet": "tables",
    "folder-of-images": "image_folder",
}


def read(dataset: str) -> Samples:
    """All samples of ``dataset`` from its source files.

    Raises
    ------
    DataError
        There is no reader, or a source file is missing or broken.
    """
    if dataset not in _READERS:
        raise DataError(
            f"Data set '{dataset}' can't be read yet; choose from {', '.join(_READERS)}."
        )
    return importlib.import_module(f"nasturtium.data.{dataset}").read()


def read_described(dataset: str, own: Mapping | None) -> tuple[Description, Samples]:
    """Description and samples of a built-in data set, or of the user's, which ``own`` describes.

    Parameters
    ----------
    own
        Entry of ``own_datasets``, as :mod:`nasturtium.data.own.described` checks it; None for a
        built-in data set.

    Raises
    ------
    DataError
        There is no reader, or a source file is missing or broken.
    """
    if own is None:
        return describe(dataset), read(dataset)
    module = importlib.import_module(f"nasturtium.data.own.{_OWN[own['format']]}")
    return module.read(dataset, own)
