"""Warns of columns of numbers that may be something else, since only the user knows."""

import logging
import re

import numpy as np

logger = logging.getLogger(__name__)

# In fewer rows, numbers may count up by chance.
_LEAST_ROWS = 20
_NAMES_ROWS = re.compile(
    r"(.*[ _.-])?(id|index|idx|key|nr|no|num|number|row|rownames?|rowid)", re.I
)
# Numbers that people write for missing ones, below or above all others.
_LOW_MARKS = (-9.0, -99.0, -999.0, -9999.0, -99999.0)
_HIGH_MARKS = (999.0, 9999.0, 99999.0, 999999.0)


def look(column: np.ndarray, name: str, where: str, target: np.ndarray | None, remedy: str) -> None:
    """Warn if a column of features, float64 of shape (rows,), seems to be something else.

    Parameters
    ----------
    where
        Name of file and column in the message.
    target
        The values of a regression's target.
    remedy
        Advice for numbers that may mean missing values.
    """
    for said in (
        _rows(column, name),
        _dates(column),
        _marks(column, remedy),
        _target(column, target),
    ):
        if said:
            logger.warning("%s %s.", where, said)


def look_for_marks(column: np.ndarray, where: str, remedy: str) -> None:
    """Warn if a channel has a number that may mean a missing value."""
    if said := _marks(column, remedy):
        logger.warning("%s %s.", where, said)


def _rows(column: np.ndarray, name: str) -> str | None:
    if len(column) < _LEAST_ROWS or column[0] != column[0] // 1:
        return None
    if column[0] in (0, 1) and np.array_equal(column, column[0] + np.arange(len(column))):
        return "counts the rows; if it only numbers them, leave it out of 'features'"
    whole = _NAMES_ROWS.fullmatch(name) and not (column % 1).any()
    if whole and len(np.unique(column)) == len(column):
        return (
            "has a different whole number in each row; if it names the rows, leave it out of "
            "'features'"
        )
    return None


def _dates(column: np.ndarray) -> str | None:
    """A warning of dates such as 20240131."""
    found = column[np.isfinite(column)]
    if not len(found) or found.min() < 1900_01_01 or found.max() > 2100_12_31 or (found % 1).any():
        return None
    month, day = found // 100 % 100, found % 100
    if not (((month >= 1) & (month <= 12)).all() and ((day >= 1) & (day <= 31)).all()):
        return None
    return (
        f"has numbers such as {found[0]:.0f}, which look like dates but are used as a quantity; "
        "write dates as 2024-01-31, or leave the column out of 'features'"
    )


def _marks(column: np.ndarray, remedy: str) -> str | None:
    """A warning of a repeated number that is far from all others, such as -999."""
    found = column[np.isfinite(column)]
    if len(found) < _LEAST_ROWS:
        return None
    low, high = found.min(), found.max()
    for mark, marks in ((low, _LOW_MARKS), (high, _HIGH_MARKS)):
        rest = found[found != mark]
        times = len(found) - len(rest)
        if mark not in marks or times < 2 or not len(rest):
            continue
        is_far = rest.min() >= 0 if mark == low else rest.max() < mark / 10
        if is_far:
            return (
                f"has {mark:g} {times:,} times, far from all other values; if that means missing, "
                f"{remedy}"
            )
    return None


def _target(column: np.ndarray, target: np.ndarray | None) -> str | None:
    if target is None or len(column) < _LEAST_ROWS or not np.array_equal(column, target):
        return None
    return "is the same as the target; leave it out of 'features'"
