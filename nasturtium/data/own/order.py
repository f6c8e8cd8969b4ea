"""The column that decides the splits: groups that stay whole, or times in order."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nasturtium.data.own.columns import check_same
from nasturtium.data.own.conversion import DATE_FORMATS, check_converted, to_moments, to_numbers
from nasturtium.data.own.dialect import Dialect, date_format
from nasturtium.errors import DataError


def split_column(own: Mapping) -> tuple[str, str] | None:
    """``group`` or ``time`` and the name of its column; None if the description names none."""
    return next(
        ((k, own["split"][k]) for k in ("group", "time") if k in own.get("split", {})), None
    )


def split_order(
    parts: Sequence[pa.ChunkedArray | None], own: Mapping, dialect: Dialect, paths: Sequence[str]
) -> np.ndarray | None:
    """Number of the group or rank of the time for each row of all files; int64 of shape (rows,).

    None if the description names no such column.

    Parameters
    ----------
    parts
        The column as text, for each file.

    Raises
    ------
    DataError
        A row has no group or time, or its time is not written like the others.
    """
    if parts[0] is None:
        return None
    key, name = split_column(own)
    first_row = 2 if own["format"] == "csv" else 1
    for part, path in zip(parts, paths, strict=True):
        row = pc.index(pc.is_null(part), True).as_py()
        if row >= 0:
            raise DataError(
                f"{path}: column '{name}': row {row + first_row} has no {key} to split by; correct "
                "or remove the row."
            )
    whole = pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string())
    values = whole if key == "group" else _times(whole, own, dialect, paths[0], first_row)
    if key == "group":
        check_same(pc.unique(whole).to_pylist(), f"{paths[0]}: column '{name}'")
    return np.unique(values.to_numpy(zero_copy_only=False), return_inverse=True)[1].astype(np.int64)


def _times(
    column: pa.ChunkedArray, own: Mapping, dialect: Dialect, path: str, first_row: int
) -> pa.ChunkedArray:
    name = own["split"]["time"]
    numbers = to_numbers(column, dialect.decimal, dialect.thousands)
    if numbers.null_count == 0:
        return numbers
    where = f"{path}: column '{name}'"
    found = own.get("date_format") or date_format(pc.unique(column).to_pylist(), path, name)
    moments = None if found is None else to_moments(column, found)
    if moments is None:
        # One wrong row hides the format of the others. The best format shows which row is wrong.
        converted = [numbers, *(to_moments(column, written) for written in DATE_FORMATS)]
        nearest = min(converted, key=lambda tried: tried.null_count)
        check_converted(
            column, nearest, where, first_row, "which is no time like the others; correct it"
        )
    check_converted(
        column, moments, where, first_row, "which is no date like the others; correct it"
    )
    return moments
