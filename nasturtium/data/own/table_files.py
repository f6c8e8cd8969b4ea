"""Columns of CSV and Parquet files, by name and checked: for training and for predicting."""

import difflib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from nasturtium.data.own.conversion import (
    check_converted,
    date_parts,
    to_booleans,
    to_moments,
    to_numbers,
    without_marks,
)
from nasturtium.data.own.dialect import Dialect
from nasturtium.errors import DataError

# A Parquet file may decode to so many bytes, or to so many times its size. Real tables stay below
# a hundred times; constant columns don't, but are small.
_LEAST_BOUND_BYTES, _LARGEST_RATIO = 2**28, 200
_ROWS_PER_BATCH = 16_384
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
    dialect: Dialect | None = None,
    remedy: str = DESCRIBE,
    remedies: Mapping[str, str] | None = None,
) -> dict[str, pa.ChunkedArray]:
    """Columns of a CSV file with a header: strings where ``text`` names them, else float64.

    Of a column of dates come its parts, ``{name}.days`` and so on.

    Parameters
    ----------
    choose
        Gives of all names in the file those to read.
    dialect
        How it writes what it holds; by default commas and decimal points, in UTF-8.
    remedy
        What an error advises beside mending the file.
    remedies
        The same for single columns.

    Raises
    ------
    DataError
        No sound CSV file, or a number is none; the sentence names row and column.
    """
    dialect = dialect or Dialect()
    parse = pyarrow.csv.ParseOptions(delimiter=dialect.separator)
    # One thread: the row of an error is known then.
    options = pyarrow.csv.ReadOptions(use_threads=False, encoding=dialect.encoding)
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
    as_text = {*text, *dialect.dates, *dialect.booleans}
    if dialect.thousands:
        as_text.update(names)
    convert = pyarrow.csv.ConvertOptions(
        include_columns=names,
        column_types={name: pa.string() if name in as_text else pa.float64() for name in names},
        null_values=dialect.marks_of_numbers,
        decimal_point=dialect.decimal,
        strings_can_be_null=False,
    )
    try:
        with _explained(path, "CSV"):
            table = pyarrow.csv.read_csv(path, options, parse, convert)
    except DataError as error:
        match = _CONVERSION.search(str(error.__cause__))
        if match is None:
            raise
        column, row, value = found[int(match[1])], match[2], match[3][:40]
        advice = (remedies or {}).get(column, remedy)
        raise DataError(
            f"{path}: row {row} (the header is row 1) has {value!r} in the column "
            f"'{column}', not a number; mend it, or {advice}."
        ) from error
    columns: dict[str, pa.ChunkedArray] = {}
    for name in names:
        column, where = table.column(name), f"{path}: column '{name}'"
        if name in text:
            columns[name] = without_marks(column, dialect.marks)
        elif name in as_text:
            columns.update(_from_text(column, name, dialect, where))
        else:
            columns[name] = column
    return columns


def _from_text(
    column: pa.ChunkedArray, name: str, dialect: Dialect, where: str
) -> dict[str, pa.ChunkedArray]:
    """What a column of texts becomes that are dates, truth values or numbers with thousands."""
    column = without_marks(column, dialect.marks_of_numbers)
    if name in dialect.dates:
        moments = to_moments(column, dialect.dates[name])
        check_converted(column, moments, where, 2, "no date like the others; mend it")
        return date_parts(moments, name, name in dialect.hours)
    if name in dialect.booleans:
        converted, what = to_booleans(column), "no truth value like the others; mend it"
    else:
        converted = to_numbers(column, dialect.decimal, dialect.thousands)
        what = f"not a number; mend it, or {DESCRIBE}"
    check_converted(column, converted, where, 2, what)
    return {name: converted}


def read_parquet(
    path: str,
    choose: Callable[[Sequence[str]], list[str]],
    text: Sequence[str],
    remedy: str = DESCRIBE,
) -> dict[str, pa.ChunkedArray]:
    """The same of a Parquet file; its other columns must hold numbers, dates or times.

    Memory is bounded by what is decoded, batch by batch: a few bytes of the format may stand for
    any number of rows, or for a long text in each of them.
    """
    most_bytes = max(_LEAST_BOUND_BYTES, _LARGEST_RATIO * os.path.getsize(path))
    with _explained(path, "Parquet"):
        names = choose(pyarrow.parquet.read_schema(path).names)
    # A dictionary's texts are not repeated before their length is known.
    as_dictionaries = [name for name in names if name in text]
    with (
        _explained(path, "Parquet"),
        pyarrow.parquet.ParquetFile(path, read_dictionary=as_dictionaries) as file,
    ):
        for name in names:
            kind = file.schema_arrow.field(name).type
            if name not in text and not _is_number(kind) and not _is_date(kind):
                raise DataError(f"{path}: column '{name}' holds {kind}, not numbers; {remedy}.")
        kinds = {name: file.schema_arrow.field(name).type for name in names}
        dates = [name for name in names if name not in text and _is_date(kinds[name])]
        wanted = pa.schema([(name, _type_of(name, text, dates)) for name in names])
        rows, decoded_bytes, batches = file.metadata.num_rows, 0, []
        for batch in file.iter_batches(_ROWS_PER_BATCH, columns=names):
            # Text that is no UTF-8, offsets that lead out of the data: found here or never.
            batch.validate(full=True)
            rows -= len(batch)
            if rows < 0:
                raise DataError(f"{path}: holds more rows than its footer promises; save it anew.")
            decoded_bytes += sum(map(_decoded_bytes, batch.columns))
            if decoded_bytes > most_bytes:
                raise DataError(
                    f"{path}: holds more than {most_bytes:,} bytes once decoded, more than "
                    f"{_LARGEST_RATIO:,} times its size; split it, or save it as CSV."
                )
            cast = [batch.column(field.name).cast(field.type, safe=False) for field in wanted]
            batches.append(pa.record_batch(cast, schema=wanted))
        table = pa.Table.from_batches(batches, wanted)
        columns: dict[str, pa.ChunkedArray] = {}
        for name in names:
            if name in dates:
                hours = pa.types.is_timestamp(kinds[name])
                columns.update(date_parts(table.column(name), name, hours))
            else:
                columns[name] = table.column(name)
        return columns


def _type_of(name: str, text: Sequence[str], dates: Sequence[str]) -> pa.DataType:
    if name in text:
        return pa.string()
    return pa.timestamp("us") if name in dates else pa.float64()


def _is_date(kind: pa.DataType) -> bool:
    return pa.types.is_date(kind) or pa.types.is_timestamp(kind)


def _decoded_bytes(column: pa.Array) -> int:
    """Bytes of a column as float64 or as text, before it is made that."""
    if pa.types.is_dictionary(column.type):
        lengths = pyarrow.compute.binary_length(column.dictionary)
        total = pyarrow.compute.sum(lengths.cast(pa.int64()).take(column.indices)).as_py()
        return 8 * len(column) + (total or 0)
    return max(8 * len(column), column.nbytes)


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
