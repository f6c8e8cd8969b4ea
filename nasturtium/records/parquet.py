"""The one writer and the one reader of Parquet tables."""

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import nasturtium
from nasturtium.errors import RecordError
from nasturtium.records.atomic import atomic_path
from nasturtium.records.checksums import read_parquet, reading, seal_parquet

SCHEMA_VERSION = "1"


def column(name: str, kind: pa.DataType, description: str, *, required: bool = False) -> pa.Field:
    """A field of a table's schema.

    Parameters
    ----------
    name
        Ends with the unit if there is one: ``_j``, ``_w``, ``_s``, ``_ms``, ``_bytes``.
    kind
        Its Arrow type.
    description
        Its meaning; stored in the field's metadata.
    required
        Whether null is refused. Figures that may not be measured are never required.
    """
    return pa.field(name, kind, nullable=not required, metadata={"description": description})


def write_table(
    path: str | os.PathLike, schema: pa.Schema, rows: Iterable[Mapping[str, Any]], *, code: str
) -> None:
    """Write ``rows`` to ``path`` atomically, with provenance in the file's metadata.

    Parameters
    ----------
    rows
        Mappings of column name to value. A name that is left out is null; NaN is refused, since
        "not measured" is null and a diverged figure needs a reason instead.
    code
        Digest of the modules that made the rows.

    Raises
    ------
    RecordError
        An unknown column, a null in a required one, a NaN, or a value of the wrong type.
    """
    rows = [dict(row) for row in rows]
    for number, row in enumerate(rows):
        _check_row(path, number, row, schema)
    provenance = {
        "schema_version": SCHEMA_VERSION,
        "package_version": nasturtium.__version__,
        "code_digest": code,
    }
    try:
        table = pa.Table.from_pylist(rows, schema=schema.with_metadata(provenance))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise RecordError(f"{path}: a value does not fit its column: {error}.") from error
    with atomic_path(path) as temporary:
        # The pages' own checksums are for other readers: this package verifies one of the whole
        # file.
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        seal_parquet(temporary)


def read_rows(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The rows of a table that :func:`write_table` wrote, as dictionaries.

    Raises
    ------
    DamageError
        The file is not what was written, or can't be read.
    """
    return read_table(path).to_pylist()


def read_table(path: str | os.PathLike) -> pa.Table:
    """The same rows as an Arrow table."""
    content = read_parquet(path)
    with reading(path):
        return pq.read_table(pa.BufferReader(content))


def read_columns(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The same as arrays by column, null numbers as NaN: for tables of many rows."""
    table = read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def count_rows(path: str | os.PathLike) -> int:
    """Number of the rows of such a table."""
    return read_table(path).num_rows


def _check_row(path: object, number: int, row: Mapping[str, Any], schema: pa.Schema) -> None:
    unknown = sorted(set(row) - set(schema.names))
    if unknown:
        raise RecordError(
            f"{path}: row {number} has the unknown column '{unknown[0]}'; add it to the schema in "
            "nasturtium/records, or leave it out."
        )
    for field in schema:
        value = row.get(field.name)
        if value is None and not field.nullable:
            raise RecordError(
                f"{path}: row {number} lacks the required column '{field.name}'; write a value."
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise RecordError(
                f"{path}: row {number} has {value} in '{field.name}'; write null and a reason."
            )
