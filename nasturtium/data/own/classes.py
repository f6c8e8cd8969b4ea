"""Classes by name: labels that are texts become numbers from 0."""

import logging
import re
from collections.abc import Sequence

import numpy as np

from nasturtium.data.own import checks, columns
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# More than 20 numbers with fewer than 5 samples each, on average, are a quantity and no classes.
_MANY_CLASSES, _FEW_SAMPLES = 20, 5
# Marks that people write for an unknown label.
_MARKS = ("?", "-", "--", ".", "unknown", "Unknown", "UNKNOWN", "none", "n.a.", "missing")
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)*")


def numbered(
    values: Sequence[Sequence[str]], wheres: Sequence[str], paths: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels from 0 for all ``values``, int64 of shape (samples,), and the names of the classes.

    Whole numbers are sorted by value, other names alphabetically.

    Parameters
    ----------
    values
        Labels of all samples for each file. The test file comes last.
    wheres, paths
        For errors: where the labels are in each file, and the path of the file.

    Raises
    ------
    DataError
        Two labels differ only in blanks, there are too many, or only the test file has a label.
    """
    found = {value for part in values for value in part}
    columns.check_blanks(found, wheres[0])
    columns.check_known(values[-1], values[0], wheres[-1], paths[0])
    marks = sorted(value for value in found if value.strip() in _MARKS)
    if marks:
        logger.warning(
            "%s: '%s' looks like a missing label, but counts as a class; if it means missing, "
            "remove its rows.",
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
            f"{wheres[0]}: has {len(names):,} different values in {rows:,} rows, which is too many "
            "for classes; set 'task: regression', or name another target."
        )
    number = {value: i for i, value in enumerate(names)}
    return np.array([number[v] for part in values for v in part], np.int64), tuple(names)
