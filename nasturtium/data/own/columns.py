"""Finds silent faults in the columns of tables, and explains each one in a sentence."""

import logging
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from nasturtium.errors import DataError
from nasturtium.plain_text import fault

logger = logging.getLogger(__name__)

# Names that pandas and R give to the column of row numbers that they add by default.
_INDEX = re.compile(r"|Unnamed: 0(\.\d+)*|__index_level_\d+__")
# A loss: float32 keeps less than this share of a column's distinct numbers. Among two million
# random numbers some 6 % become equal to another one, which is no loss.
_LEAST_DISTINCT = 0.9
# A categorical column with more categories than this share of its rows probably names the rows.
_MOST_DISTINCT_CATEGORIES, _FEW_CATEGORIES = 0.5, 20


def without_index(names: Sequence[str], path: str) -> list[str]:
    """``names`` without a column of row numbers, since it would leak the order of the file."""
    left_out = [name for name in names if _INDEX.fullmatch(name)]
    if left_out:
        logger.warning(
            "%s: column '%s' seems to hold row numbers and is left out; if it is a feature, name "
            "it under 'features'.",
            path,
            left_out[0],
        )
    return [name for name in names if not _INDEX.fullmatch(name)]


def check_digits(column: np.ndarray, stored: np.ndarray, where: str, remedy: str) -> None:
    """Refuse numbers of shape (n,) that need more digits than float32 has.

    Raises
    ------
    DataError
        More than a tenth of the numbers, such as timestamps, become equal to another one.
    """
    distinct, left = len(np.unique(column)), len(np.unique(stored))
    if left < _LEAST_DISTINCT * distinct:
        raise DataError(
            f"{where}: {distinct:,} different numbers become {left:,} in float32, which has seven "
            f"digits; {remedy}."
        )


def check_categories(values: Sequence[Sequence[str]], column: str, paths: Sequence[str]) -> None:
    """Check the categories of ``column`` in all files; the test file is the last of ``paths``.

    Raises
    ------
    DataError
        Two categories differ only in blanks.
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
            "%s: column '%s' has the category '%s', which %s does not have, so a net can't learn "
            "it; add samples of it there, or remove it.",
            paths[-1],
            column,
            unseen[0],
            paths[0],
        )


def check_blanks(values: Iterable[str], where: str) -> None:
    """Refuse texts that look the same or are not plain, and warn of nearly equal ones.

    Raises
    ------
    DataError
        Two texts differ only in blanks or in their Unicode form, so they would count as two classes
        or categories.
    """
    values = sorted(values)
    check_same(values, where)
    check_plain(values, where)
    for meaning, what in ((str.casefold, "only in case"), (_number, "as texts, not as numbers")):
        alike: dict[object, str] = {}
        for value in values:
            other = alike.setdefault(meaning(value), value)
            if other != value:
                logger.warning(
                    "%s: '%s' and '%s' differ %s, and count as two; if they mean the same, write "
                    "them alike.",
                    where,
                    other,
                    value,
                    what,
                )
                break


def check_same(values: Iterable[str], where: str) -> None:
    """Refuse texts that differ only in blanks or in the Unicode form of the same letters.

    Raises
    ------
    DataError
        Two texts differ in this way.
    """
    seen: dict[str, str] = {}
    for value in sorted(values):
        other = seen.setdefault(" ".join(unicodedata.normalize("NFC", value).split()), value)
        if other != value:
            in_blanks = " ".join(other.split()) == " ".join(value.split())
            what = "blanks" if in_blanks else "the Unicode form of their letters"
            raise DataError(
                f"{where}: {other!a} and {value!a} differ only in {what}; write them alike."
            )


def _number(value: str) -> float | str:
    """``value`` as a number if possible, otherwise as it is."""
    try:
        return float(value)
    except ValueError:
        return value


def check_plain(values: Iterable[str], where: str) -> None:
    """Refuse names of columns, classes and categories with markup or control characters.

    Raises
    ------
    DataError
        Pages, figures or terminals would interpret a name instead of showing it.
    """
    for value in sorted(values):
        if found := fault(value):
            raise DataError(f"{where}: {value!a} contains {found}; write plain text.")


def check_known(values: Collection[str], known: Collection[str], where: str, source: str) -> None:
    """Refuse a label that only the test file has, since no net can learn it.

    Raises
    ------
    DataError
        There is such a label.
    """
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise DataError(
            f"{where}: has the label '{unknown[0]}', which {source} does not have; correct it, or "
            "remove its rows."
        )


def numbers(values: Sequence[str]) -> np.ndarray:
    """Texts as float64; a text that is no number becomes NaN."""

    def number(value: str) -> float:
        try:
            return float(value)
        except ValueError:
            return np.nan  # the check of labels reports its row

    return np.array([number(value) for value in values])
