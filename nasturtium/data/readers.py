"""Which module reads which data set."""

import importlib

from nasturtium.data.samples import Samples
from nasturtium.errors import DataError

# cifar10 has its net and settings, but no reader yet.
_READERS = ("digits", "diabetes", "mnist", "california_housing", "sat6")


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
