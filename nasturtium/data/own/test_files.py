"""A test split in a file of its own: that it is another file, and holds the same quantities."""

import logging
import os
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.data.sources import file_sha256
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# Two parts of one source differ less than so many times.
_MOST_TIMES, _LEAST_VALUES = 30, 20


def checksums(paths: Sequence[str], apart: Sequence[str] = ()) -> dict[str, str]:
    """SHA-256 of ``paths`` by their names, or by whole paths where two have one name.

    Parameters
    ----------
    apart
        The file that is trained on, and the test split's, where there is one.

    Raises
    ------
    DataError
        Those two are the same.
    """
    return named({path: file_sha256(path) for path in paths}, apart)


def named(found: Mapping[str, str], apart: Sequence[str] = ()) -> dict[str, str]:
    """The same of checksums that are known, by path: of folders, for example."""
    if len(apart) > 1 and found[apart[0]] == found[apart[1]]:
        raise DataError(
            f"{apart[1]}: holds the same as {apart[0]}, so that the test split would be what is "
            "trained on; name another file, or none and have a part of the first one drawn."
        )
    names = [os.path.basename(path) for path in found]
    return {
        path if names.count(name) > 1 else name: digest
        for name, (path, digest) in zip(names, found.items(), strict=True)
    }


def spread(values: np.ndarray) -> float:
    """Standard deviation of ``values`` of shape (rows,), without NaN; NaN of too few."""
    found = values[~np.isnan(values)]
    return float(found.std()) if len(found) >= _LEAST_VALUES else np.nan


def compare(trained: Mapping[str, float], tested: Mapping[str, float], path: str) -> None:
    """Warn of a quantity whose size in the test file at ``path`` is another: of another unit, say.

    Parameters
    ----------
    trained, tested
        Spread of each quantity by name, such as ``column 'x'``; 0 or NaN where it has none.
    """
    for name, size in trained.items():
        times = tested[name] / size if size else 0
        if times > _MOST_TIMES or 0 < times < 1 / _MOST_TIMES:
            logger.warning(
                "%s: %s is spread %.3g times as widely as in the file that is trained on; if its "
                "unit or scale is another, save both alike.",
                path,
                name,
                times,
            )
