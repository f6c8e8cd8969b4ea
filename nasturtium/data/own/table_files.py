"""Columns of CSV and Parquet files, by name and checked: for training and for predicting."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from nasturtium.data.own import checks
from nasturtium.errors import DataError

# What to do about text where numbers are wanted, while a data set is described.
DESCRIBE = "name it under 'categorical' or leave it out of 'features'"
_CONVERSION = re.compile(r"column #(\d+):.* Row #(\d+): .*invalid value '(.*)'", re.DOTALL)


def check_names(path: str, found: Sequence[str], needed: Sequence[str]) -> None:
    """Raise DataError where a name in ``found`` comes twice, or one that is needed is not there."""
    name, times = Counter(found).most_common(1)[0] if found else ("", 0)
    if times > 1:
        raise DataError(f"{path}: has the column '{name}' twice; rename one.")
    for name in needed:
        if name not in found:
            near = difflib.get_close_matches(name, found, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(found[:10])}."
            raise DataError(f"{path}: has no column '{name}'; {hint}")


def read_csv(
    path: str,
    choose: Callable[[Sequence[str]], list[str]],
    text: Sequence[str],
    separator: str = ",",
    remedy: str = DESCRIBE,
) -> dict[str, pa.ChunkedArray]:
    """Columns of a CSV file with a header: strings where ``text`` names them, else float64.

    Parameters
    ----------
    choose
        Gives of all names in the file those to read.
    remedy
        What an error advises beside mending the file.

    Raises
    ------
    DataError
        No sound CSV file, or a number is none; the sentence names row and column.
    """
    parse = pyarrow.csv.ParseOptions(delimiter=separator)
    # One thread: the row of an error is known then.
    options = pyarrow.csv.ReadOptions(use_threads=False)
    with (
        _explained(path, "CSV"),
        pyarrow.csv.open_csv(
            path,
            options,
            parse,
            pyarrow.csv.ConvertOptions(column_types={}, null_values=[]),
        ) as reader,
    ):
        found = reader.schema.names
    names = choose(found)
    convert = pyarrow.csv.ConvertOptions(
        include_columns=names,
        column_types={name: pa.string() if name in text else pa.float64() for name in names},
        strings_can_be_null=True,
    )
    try:
        with _explained(path, "CSV"):
            table = pyarrow.csv.read_csv(path, options, parse, convert)
    except DataError as error:
        match = _CONVERSION.search(str(error.__cause__))
        if match is None:
            raise
        column, row, value = int(match[1]), match[2], match[3][:40]
        raise DataError(
            f"{path}: row {row} (the header is row 1) has {value!r} in the column "
            f"'{found[column]}', not a number; mend it, or {remedy}."
        ) from error
    return {name: table.column(name) for name in names}


def read_parquet(
    path: str,
    choose: Callable[[Sequence[str]], list[str]],
    text: Sequence[str],
    remedy: str = DESCRIBE,
) -> dict[str, pa.ChunkedArray]:
    """The same of a Parquet file; its other columns must hold numbers."""
    with _explained(path, "Parquet"), pyarrow.parquet.ParquetFile(path) as file:
        names = choose(file.schema_arrow.names)
        for name in names:
            kind = file.schema_arrow.field(name).type
            if name not in text and not _is_number(kind):
                raise DataError(f"{path}: column '{name}' holds {kind}, not numbers; {remedy}.")
        if file.metadata.num_rows * len(names) > checks.MOST_VALUES // 8:
            raise DataError(
                f"{path}: promises {file.metadata.num_rows:,} rows, more than fit into memory; "
                "split it."
            )
        batches = list(_within(file.iter_batches(columns=names), path, file.metadata.num_rows))
        table = pa.Table.from_batches(batches, file.schema_arrow.empty_table().select(names).schema)
        # Text that is no UTF-8, offsets that lead out of the data: found here or never.
        table.validate(full=True)
        return {
            name: table.column(name).cast(pa.string() if name in text else pa.float64(), safe=False)
            for name in names
        }


def _within(batches: Iterator[pa.RecordBatch], path: str, rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows -= len(batch)
        if rows < 0:
            raise DataError(f"{path}: holds more rows than its footer promises; save it anew.")
        yield batch


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


@contextmanager
def _explained(path: str, kind: str) -> Iterator[None]:
    """Turn what pyarrow raises on a broken file into DataError."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
        said = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: is not a sound {kind} file ({said}); mend it.") from error
