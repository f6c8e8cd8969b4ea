"""What goes wrong silently with columns of tables: found here, and said in a sentence."""

import logging
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from nasturtium.errors import DataError
from nasturtium.plain_text import fault

logger = logging.getLogger(__name__)

# What pandas and R call the column of row numbers that they write unasked.
_INDEX = re.compile(r"|Unnamed: 0(\.\d+)*|__index_level_\d+__")
# Fewer than this share of a column's distinct numbers left in float32 is a loss. Of two million
# numbers drawn at random some 6 % meet there, and nothing is lost.
_LEAST_DISTINCT = 0.9
# A categorical column with more categories than this share of its rows names the rows.
_MOST_DISTINCT_CATEGORIES, _FEW_CATEGORIES = 0.5, 20


def without_index(names: Sequence[str], path: str) -> list[str]:
    """``names`` without a column of row numbers, which would leak the order of the file."""
    left_out = [name for name in names if _INDEX.fullmatch(name)]
    if left_out:
        logger.warning(
            "%s: column '%s' is taken for row numbers and left out; name it under 'features' if it "
            "is more.",
            path,
            left_out[0],
        )
    return [name for name in names if not _INDEX.fullmatch(name)]


def check_digits(column: np.ndarray, stored: np.ndarray, where: str, remedy: str) -> None:
    """Refuse numbers of shape (n,) that need more digits than float32 has.

    Raises
    ------
    DataError
        Of timestamps or long numbers, more than a tenth become the same as another.
    """
    distinct, left = len(np.unique(column)), len(np.unique(stored))
    if left < _LEAST_DISTINCT * distinct:
        raise DataError(
            f"{where}: {distinct:,} different numbers become {left:,} in float32, which holds "
            f"seven digits; {remedy}."
        )


def check_categories(values: Sequence[Sequence[str]], column: str, paths: Sequence[str]) -> None:
    """Look at the categories of ``column`` in the file at each of ``paths``, the test file's last.

    Raises
    ------
    DataError
        Two differ in blanks only.
    """
    categories = {value for part in values for value in part}
    check_blanks(categories, f"{paths[0]}: column '{column}'")
    rows = sum(map(len, values))
    if len(categories) > max(_FEW_CATEGORIES, _MOST_DISTINCT_CATEGORIES * rows):
        logger.warning(
            "%s: column '%s' has %d categories in %d rows; if it names the rows, leave it out of "
            "'features'.",
            paths[0],
            column,
            len(categories),
            rows,
        )
    if unseen := sorted(set(values[-1]) - set(values[0])):
        logger.warning(
            "%s: column '%s' has the category '%s', which %s has not: nothing can be learnt of it.",
            paths[-1],
            column,
            unseen[0],
            paths[0],
        )


def check_blanks(values: Iterable[str], where: str) -> None:
    """Refuse texts that look the same, warn of those that nearly do, and refuse any not plain.

    Raises
    ------
    DataError
        Two differ in blanks only, or in how Unicode writes the same letters, and would count as two
        classes or categories.
    """
    values = sorted(values)
    check_same(values, where)
    check_plain(values, where)
    for meaning, what in ((str.casefold, "in case only"), (_number, "as texts, not as numbers")):
        alike: dict[object, str] = {}
        for value in values:
            other = alike.setdefault(meaning(value), value)
            if other != value:
                logger.warning(
                    "%s: '%s' and '%s' differ %s, and count as two; write them alike if they are "
                    "one.",
                    where,
                    other,
                    value,
                    what,
                )
                break


def check_same(values: Iterable[str], where: str) -> None:
    """Refuse texts that differ in blanks only, or in how Unicode writes the same letters.

    Raises
    ------
    DataError
        Two of them do.
    """
    seen: dict[str, str] = {}
    for value in sorted(values):
        other = seen.setdefault(" ".join(unicodedata.normalize("NFC", value).split()), value)
        if other != value:
            in_blanks = " ".join(other.split()) == " ".join(value.split())
            what = "blanks" if in_blanks else "how Unicode writes their letters"
            raise DataError(
                f"{where}: {other!a} and {value!a} differ in {what} only; write them alike."
            )


def _number(value: str) -> float | str:
    """What ``value`` is as a number, where it is one."""
    try:
        return float(value)
    except ValueError:
        return value


def check_plain(values: Iterable[str], where: str) -> None:
    """Refuse names of columns, classes and categories that hold markup or control characters.

    Raises
    ------
    DataError
        There is one; pages, figures and terminals would take it for more than a name.
    """
    for value in sorted(values):
        if found := fault(value):
            raise DataError(f"{where}: {value!a} holds {found}; write plain text.")


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
