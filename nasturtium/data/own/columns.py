"""What goes wrong silently with columns of tables: found here, and said in a sentence."""

import logging
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# What pandas and R call the column of row numbers that they write unasked.
_INDEX = ("", "Unnamed: 0", "__index_level_0__")
# Fewer than this share of a column's distinct numbers left in float32 is a loss, not rounding.
_LEAST_DISTINCT = 0.9
_LOOKED_AT = 100_000


def without_index(names: Sequence[str], path: str) -> list[str]:
    """``names`` without a column of row numbers, which would leak the order of the file."""
    left_out = [name for name in names if name in _INDEX]
    if left_out:
        logger.warning(
            "%s: column '%s' is taken for row numbers and left out; name it under 'features' if it "
            "is more.",
            path,
            left_out[0],
        )
    return [name for name in names if name not in _INDEX]


def check_digits(column: np.ndarray, stored: np.ndarray, where: str) -> None:
    """Refuse a column whose numbers need more digits than float32 has.

    Raises
    ------
    DataError
        Of timestamps or long numbers, many become the same.
    """
    distinct = len(np.unique(column[:_LOOKED_AT]))
    left = len(np.unique(stored[:_LOOKED_AT]))
    if left < _LEAST_DISTINCT * distinct:
        raise DataError(
            f"{where}: {distinct:,} different numbers become {left:,} in float32, which holds "
            "seven digits; subtract what they have in common, or leave it out of 'features'."
        )


def check_blanks(values: Iterable[str], where: str) -> None:
    """Refuse texts that differ in blanks around them only.

    Raises
    ------
    DataError
        Two of them do, and would count as two classes or categories.
    """
    seen: dict[str, str] = {}
    for value in sorted(values):
        other = seen.setdefault(value.strip(), value)
        if other != value:
            raise DataError(
                f"{where}: {other!r} and {value!r} differ in blanks only; write them alike."
            )


def check_known(values: Collection[str], known: Collection[str], where: str, source: str) -> None:
    """Refuse a label of the test file that the other one has not: no net can answer it.

    Raises
    ------
    DataError
        There is one.
    """
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise DataError(
            f"{where}: has the label '{unknown[0]}', which {source} has not; mend it, or "
            "remove its rows."
        )


def numbers(values: Sequence[str]) -> np.ndarray:
    """Texts as float64; what is no number is NaN."""

    def number(value: str) -> float:
        try:
            return float(value)
        except ValueError:
            return np.nan  # reported by its row as no label

    return np.array([number(value) for value in values])
