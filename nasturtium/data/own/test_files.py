"""Checks of a separate test file: it must be another file, and have the same quantities."""

import logging
import os
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.data.sources import file_sha256
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# Spreads in two parts of one source differ by a smaller factor than this.
_MOST_TIMES, _LEAST_VALUES = 30, 20


def checksums(paths: Sequence[str], apart: Sequence[str] = ()) -> dict[str, str]:
    """SHA-256 of ``paths`` by their names, or by their full paths if two have the same name.

    Parameters
    ----------
    apart
        The training file, and the test file if there is one.

    Raises
    ------
    DataError
        The two files in ``apart`` are the same.
    """
    return named({path: file_sha256(path) for path in paths}, apart)


def named(found: Mapping[str, str], apart: Sequence[str] = ()) -> dict[str, str]:
    """Like :func:`checksums`, but with known checksums by path, for example of folders."""
    if len(apart) > 1 and found[apart[0]] == found[apart[1]]:
        raise DataError(
            f"{apart[1]}: has the same content as {apart[0]}, so the test split would be the "
            "training data; name another file, or name none, so that a test split is drawn."
        )
    names = [os.path.basename(path) for path in found]
    return {
        path if names.count(name) > 1 else name: digest
        for name, (path, digest) in zip(names, found.items(), strict=True)
    }


def spread(values: np.ndarray) -> float:
    """Standard deviation of ``values`` of shape (rows,) without NaN; NaN if they are too few."""
    found = values[~np.isnan(values)]
    return float(found.std()) if len(found) >= _LEAST_VALUES else np.nan


def compare(trained: Mapping[str, float], tested: Mapping[str, float], path: str) -> None:
    """Warn if a quantity has another scale in the test file at ``path``, such as another unit.

    Parameters
    ----------
    trained, tested
        Spread of each quantity by name, such as ``column 'x'``; 0 or NaN if it has none.
    """
    for name, size in trained.items():
        times = tested[name] / size if size else 0
        if times > _MOST_TIMES or 0 < times < 1 / _MOST_TIMES:
            logger.warning(
                "%s: %s varies %.3g times as much as in the training file; if it has another unit "
                "or scale, save both alike.",
                path,
                name,
                times,
            )
