"""Classes by name: labels as texts become numbers from 0."""

import logging
import re
from collections.abc import Sequence

import numpy as np

from nasturtium.data.own import checks, columns
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# So many numbers with so few samples each are no classes, but a quantity.
_MANY_CLASSES, _FEW_SAMPLES = 20, 5
# What people write for a label that they don't know.
_MARKS = ("?", "-", "--", ".", "unknown", "Unknown", "UNKNOWN", "none", "n.a.", "missing")
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)*")


def numbered(
    values: Sequence[Sequence[str]], wheres: Sequence[str], paths: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels from 0 of all ``values``, int64 of shape (samples,), and the classes' names.

    Whole numbers are sorted by value, other names by alphabet.

    Parameters
    ----------
    values
        Label by sample of each file, the test file's last.
    wheres, paths
        Names the labels' place in each file, and the file, in an error.

    Raises
    ------
    DataError
        Two labels differ in blanks only, there are too many, or one is in the test file alone.
    """
    found = {value for part in values for value in part}
    columns.check_blanks(found, wheres[0])
    columns.check_known(values[-1], values[0], wheres[-1], paths[0])
    marks = sorted(value for value in found if value.strip() in _MARKS)
    if marks:
        logger.warning(
            "%s: '%s' reads like a missing label, and counts as a class; remove its rows if it is.",
            wheres[0],
            marks[0],
        )
    whole = all(re.fullmatch(r"-?\d{1,18}", value) for value in found)
    names = sorted(found, key=int if whole else None)
    rows = sum(map(len, values))
    numbers = all(_NUMBER.fullmatch(value.strip()) for value in found)
    few_of_each = numbers and len(names) > _MANY_CLASSES and rows < _FEW_SAMPLES * len(names)
    if len(names) > checks.MOST_CLASSES or few_of_each:
        raise DataError(
            f"{wheres[0]} has {len(names):,} different values in {rows:,} rows, too many for "
            "classes; set 'task: regression', or name another target."
        )
    number = {value: i for i, value in enumerate(names)}
    return np.array([number[v] for part in values for v in part], np.int64), tuple(names)
