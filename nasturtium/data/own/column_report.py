"""Content and use of each column of a table, for the card and the report."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from nasturtium.data.own.dialect import Dialect


def column_report(
    parts: Sequence[Mapping[str, pa.ChunkedArray]],
    names: Sequence[str],
    target: str,
    categories: Mapping[str, Sequence[str]],
    dialect: Dialect,
    own: Mapping,
) -> tuple[dict, ...]:
    """Kind, missing and distinct values, range and use of each column over all files.

    Parameters
    ----------
    parts
        Columns by name for each file, from :func:`nasturtium.data.own.tables.read_columns`.
    names
        Names of the columns to report.
    categories
        Categories of each categorical column.
    """
    filled = own.get("missing", "error")
    reports = []
    for name in names:
        column = pa.chunked_array([chunk for part in parts for chunk in part[name].chunks])
        is_text = pa.types.is_string(column.type)
        range_ = {} if is_text else pc.min_max(column).as_py()
        missing = column.null_count if is_text else _missing(column)
        if name == target:
            kind, became = "target", "class by name" if is_text else own["task"]
        elif name in categories:
            kind, became = "category", f"{len(categories[name])} columns of zeros and ones"
        else:
            kind, became = _kind(name, dialect), "standardised"
            if missing and filled != "error":
                became += f", missing filled by the {filled} of the train split"
        reports.append(
            {
                "name": name,
                "kind": kind,
                "missing": missing,
                "distinct": pc.count_distinct(column, mode="only_valid").as_py(),
                "lowest": range_.get("min"),
                "highest": range_.get("max"),
                "became": became,
            }
        )
    return tuple(reports)


def _missing(column: pa.ChunkedArray) -> int:
    return column.null_count + (pc.sum(pc.is_nan(column)).as_py() or 0)


def _kind(name: str, dialect: Dialect) -> str:
    if name in dialect.booleans:
        return "truth value"
    source, _, part = name.rpartition(".")
    return f"{part} of date '{source}'" if source in dialect.dates else "number"
