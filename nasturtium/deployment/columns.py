"""Columns of a user's table by name: numbers, categories, and missing values."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nasturtium.errors import DataError

MISSING = "(missing)"
REMEDY = "give a file with numbers in this column"


@dataclass(frozen=True)
class Column:
    """A column of a user's table.

    Attributes
    ----------
    fill
        Replaces a missing number; None if a missing number is an error.
    categories
        Categories of a categorical column, in the order of its one-hot columns; otherwise None.
    """

    name: str
    fill: float | None = None
    categories: tuple[str, ...] | None = None


def from_frame(wanted: Sequence[Column], frame: object) -> np.ndarray:
    """Features of a pandas frame, or of a mapping from column to values; as :func:`encoded`."""
    where = "The samples"
    found = [str(name) for name in frame]
    for column in wanted:
        if found.count(column.name) > 1:
            raise DataError(f"{where} have the column '{column.name}' twice; rename one.")
        if column.name not in found:
            near = difflib.get_close_matches(column.name, found, n=1)
            hint = f"is it '{near[0]}'? Rename it." if near else "add it."
            raise DataError(f"{where} have no column '{column.name}'; {hint}")

    def values(column: Column) -> np.ndarray | list:
        given = frame[column.name]
        if isinstance(given, str) or not hasattr(given, "__len__"):
            given = [given]  # of a single sample
        return list(given) if column.categories else _numbers(given, where, column.name)

    return encoded(wanted, values, where, 1)


def encoded(
    wanted: Sequence[Column],
    values: Callable[[Column], np.ndarray | list],
    where: str,
    first_row: int,
) -> np.ndarray:
    """Features of shape (samples, features) in float32, in the order of ``wanted``.

    Parameters
    ----------
    values
        Returns a column's values: numbers with NaN for missing ones, or categories.
    first_row
        Number of the first row in messages.

    Raises
    ------
    DataError
        A category is unknown, or a value missing or infinite; the sentence names row and column.
    """
    parts = []
    for column in wanted:
        if column.categories:
            parts.append(_one_hot(column, values(column), where, first_row))
        else:
            number = filled(
                np.asarray(values(column), np.float64)[:, None],
                [column.fill],
                lambda row, _, name=column.name: f"{where}: row {row + first_row}, column '{name}'",
            )
            parts.append(number)
    lengths = {len(part) for part in parts}
    if len(lengths) != 1 or 0 in lengths:
        raise DataError(
            f"{where}: has columns of different lengths, or no row; give each column the same "
            "number of values, at least one."
        )
    return np.concatenate(parts, axis=1)


def _one_hot(column: Column, values: list, where: str, first_row: int) -> np.ndarray:
    number = {category: i for i, category in enumerate(column.categories)}
    encoded = np.zeros((len(values), len(number)), np.float32)
    for row, value in enumerate(values):
        names = _spellings(value)
        known = [name for name in names if name in number]
        if not known:
            place = f"{where}: row {row + first_row}"
            if names == [MISSING]:
                raise DataError(
                    f"{place} has no value in the column '{column.name}', but the net was trained "
                    "with a value in every row; fill it in or leave the row out."
                )
            near = difflib.get_close_matches(names[0], column.categories, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "leave the row out."
            raise DataError(
                f"{place} has the category '{names[0]}' in the column '{column.name}', which the "
                f"net has not seen; {hint}"
            )
        encoded[row, number[known[0]]] = 1
    return encoded


def _spellings(value: object) -> list[str]:
    """Forms in which a category may appear in the training files."""
    if _is_missing(value):
        return [MISSING]
    if isinstance(value, bool | np.bool_):
        return [str(bool(value)), str(bool(value)).lower()]
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return [str(int(value)), str(float(value))]
    return [str(value)]


def _is_missing(value: object) -> bool:
    # pandas's NA can't be compared, and pandas may not be installed.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _numbers(values: object, where: str, name: str) -> np.ndarray:
    """Values of a column as float64; missing ones are NaN."""
    if getattr(getattr(values, "dtype", None), "kind", "O") in "biuf" and not _is_masked(values):
        return np.asarray(values, np.float64)
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        try:
            if isinstance(value, str | bytes | complex):
                raise TypeError
            numbers[row] = np.nan if _is_missing(value) else float(value)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{where}: row {row + 1} has {str(value)[:40]!r} in the column '{name}', which is "
                "not a number; correct it, since the net was trained on numbers in this column."
            ) from error
    return numbers


def _is_masked(values: object) -> bool:
    """Whether it is a pandas type with its own missing values, which NumPy does not support."""
    return type(getattr(values, "dtype", None)).__module__.startswith("pandas")


def filled(
    values: np.ndarray, fill: Sequence[float | None], place: Callable[[int, int], str]
) -> np.ndarray:
    """``values`` of shape (samples, columns) in float32, with missing ones replaced.

    ``fill`` has None for a column without missing values; ``place`` names a row and a column for an
    error.
    """
    with np.errstate(over="ignore"):
        stored = values.astype(np.float32)
    if np.isinf(stored).any():
        row, column = np.argwhere(np.isinf(stored))[0]
        raise DataError(f"{place(row, column)}: has an infinite value; correct it.")
    missing = np.isnan(stored)
    unfilled = missing & np.array([value is None for value in fill])
    if unfilled.any():
        row, column = np.argwhere(unfilled)[0]
        raise DataError(
            f"{place(row, column)}: has no value, and missing values of this data set are not "
            "imputed; fill it in or leave the row out."
        )
    known = np.array([0.0 if value is None else value for value in fill], np.float32)
    return np.where(missing, known, stored)
