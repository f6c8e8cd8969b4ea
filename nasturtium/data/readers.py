"""Which module reads which data set."""

import importlib

from nasturtium.data.samples import Samples
from nasturtium.errors import DataError

# sat6 has its net and settings, but no reader yet.
_READERS = {
    "digits": "digits.read",
    "diabetes": "diabetes.read",
    "mnist": "mnist.read",
    "cifar10": "cifar10.read",
    "cifar10_train": "cifar10.read_training_images",
    "california_housing": "california_housing.read",
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
    module, function = _READERS[dataset].split(".")
    return getattr(importlib.import_module(f"nasturtium.data.{module}"), function)()
