"""Reads and checks columns of CSV and Parquet files by name, for training and prediction."""

import difflib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from nasturtium.data.own.column_store import ColumnStore
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

# A Parquet file may decode to this many bytes, or to this many times its size. Real tables stay
# below 100 times; constant columns exceed it, but are small.
_LEAST_BOUND_BYTES, _LARGEST_RATIO = 2**28, 200
_ROWS_PER_BATCH = 16_384
# Advice for text in a column of numbers, in the description of a data set.
DESCRIBE = "name it under 'categorical' or leave it out of 'features'"
_MOMENT = pa.timestamp("us")
_CONVERSION = re.compile(r"column #(\d+):.* Row #(\d+): .*invalid value '(.*)'", re.DOTALL)


def check_names(path: str, found: Sequence[str], needed: Sequence[str]) -> None:
    """Raise DataError if ``found`` has a name twice, or lacks one of the ``needed`` names."""
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
) -> ColumnStore:
    """Columns of a CSV file with a header: strings for names in ``text``, otherwise float64.

    A column of dates becomes several columns, ``{name}.days`` and so on.

    Parameters
    ----------
    choose
        Takes all names in the file, and returns the ones to read.
    dialect
        Dialect of the file; by default commas and decimal points, in UTF-8.
    remedy
        Advice in an error, besides correcting the file.
    remedies
        The same for single columns.

    Raises
    ------
    DataError
        Not a sound CSV file, or a value is no number. The message names its row and column.
    """
    dialect = dialect or Dialect()
    parse = pyarrow.csv.ParseOptions(delimiter=dialect.separator)
    # With one thread, pyarrow knows the row of an error.
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
    columns = ColumnStore(path)
    try:
        with (
            _explained(path, "CSV"),
            pyarrow.csv.open_csv(path, options, parse, convert) as reader,
        ):
            dated = [name for name in dialect.dates if name not in text]
            kept = {*text, *dated}
            schema = pa.schema(
                [(name, pa.string() if name in kept else pa.float64()) for name in names]
            )
            columns.write(schema, _converted(_bounded(reader, path), schema, dialect, text, path))
    except DataError as error:
        match = _CONVERSION.search(str(error.__cause__))
        if match is None:
            raise
        column, row, value = found[int(match[1])], match[2], match[3][:40]
        advice = (remedies or {}).get(column, remedy)
        raise DataError(
            f"{path}: row {row} (the header is row 1) has {value!r} in the column "
            f"'{column}', which is not a number; correct it, or {advice}."
        ) from error
    for name in dated:
        column, where = columns[name], f"{path}: column '{name}'"
        moments = to_moments(column, dialect.dates[name])
        check_converted(column, moments, where, 2, "which is no date like the others; correct it")
        columns.replace(name, date_parts(moments, name, name in dialect.hours))
    return columns


def _converted(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    dialect: Dialect,
    text: Sequence[str],
    path: str,
) -> Iterator[pa.RecordBatch]:
    """Batches with the columns of ``schema``, and null for missing values. Dates stay texts."""
    first_row = 2
    for batch in batches:
        columns = []
        for name in schema.names:
            column = pa.chunked_array([batch.column(name)])
            if name in text:
                column = without_marks(column, dialect.marks)
            elif pa.types.is_string(column.type):
                column = without_marks(column, dialect.marks_of_numbers)
                if name not in dialect.dates:
                    where = f"{path}: column '{name}'"
                    column = _number_of_text(column, name, dialect, where, first_row)
            columns.append(column.combine_chunks())
        yield pa.record_batch(columns, schema=schema)
        first_row += len(batch)


def _number_of_text(
    column: pa.ChunkedArray, name: str, dialect: Dialect, where: str, first_row: int
) -> pa.ChunkedArray:
    """Texts as float64: truth values, or numbers with thousands separators."""
    if name in dialect.booleans:
        converted = to_booleans(column)
        what = "which is no truth value like the others; correct it"
    else:
        converted = to_numbers(column, dialect.decimal, dialect.thousands)
        what = f"which is not a number; correct it, or {DESCRIBE}"
    check_converted(column, converted, where, first_row, what)
    return converted


def _bounded(batches: Iterable[pa.RecordBatch], path: str) -> Iterator[pa.RecordBatch]:
    """The batches of a file. DataError if they are too large for the file's compressed size."""
    most_bytes, unpacked_bytes = _most_bytes(path), 0
    for batch in batches:
        unpacked_bytes += batch.nbytes
        if unpacked_bytes > most_bytes:
            raise DataError(
                f"{path}: unpacks to more than {most_bytes:,} bytes, over {_LARGEST_RATIO:,} times "
                "its size; split it into several files."
            )
        yield batch


def _most_bytes(path: str) -> int:
    return max(_LEAST_BOUND_BYTES, _LARGEST_RATIO * os.path.getsize(path))


def read_parquet(
    path: str,
    choose: Callable[[Sequence[str]], list[str]],
    text: Sequence[str],
    remedy: str = DESCRIBE,
) -> ColumnStore:
    """Columns of a Parquet file: strings for names in ``text``; others are numbers or dates.

    Every batch is checked before more memory is used: in this format a few bytes may mean any
    number of rows, or a long text in each of them.
    """
    with _explained(path, "Parquet"):
        names = choose(pyarrow.parquet.read_schema(path).names)
    # As dictionaries, so that texts are not repeated before their length is known.
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
        fields: list[tuple[str, pa.DataType]] = []
        for name in names:
            if name in text or not _is_date(kinds[name]):
                fields.append((name, pa.string() if name in text else pa.float64()))
            else:
                none = pa.chunked_array([pa.array([], _MOMENT)])
                fields += [(part, pa.float64()) for part in _date_parts(none, name, kinds[name])]
        columns, schema = ColumnStore(path), pa.schema(fields)
        columns.write(schema, _decoded(file, schema, kinds, path))
        return columns


def _decoded(
    file: pyarrow.parquet.ParquetFile,
    schema: pa.Schema,
    kinds: Mapping[str, pa.DataType],
    path: str,
) -> Iterator[pa.RecordBatch]:
    """Batches with the columns of ``schema``: texts, numbers, and parts of dates."""
    rows, decoded_bytes, most_bytes = file.metadata.num_rows, 0, _most_bytes(path)
    for batch in file.iter_batches(_ROWS_PER_BATCH, columns=[*kinds]):
        # Only this finds text that is not UTF-8, and offsets outside the data.
        batch.validate(full=True)
        rows -= len(batch)
        if rows < 0:
            raise DataError(f"{path}: has more rows than its footer states; save it again.")
        decoded_bytes += sum(map(_decoded_bytes, batch.columns))
        if decoded_bytes > most_bytes:
            raise DataError(
                f"{path}: decodes to more than {most_bytes:,} bytes, over {_LARGEST_RATIO:,} times "
                "its size; split it into several files, or save it as CSV."
            )
        found: dict[str, pa.Array] = {}
        for name, kind in kinds.items():
            if name in schema.names:
                found[name] = batch.column(name).cast(schema.field(name).type, safe=False)
            else:
                moments = pa.chunked_array([batch.column(name).cast(_MOMENT, safe=False)])
                parts = _date_parts(moments, name, kind)
                found |= {part: column.combine_chunks() for part, column in parts.items()}
        yield pa.record_batch([found[name] for name in schema.names], schema=schema)


def _date_parts(
    moments: pa.ChunkedArray, name: str, kind: pa.DataType
) -> dict[str, pa.ChunkedArray]:
    return date_parts(moments, name, pa.types.is_timestamp(kind))


def _is_date(kind: pa.DataType) -> bool:
    return pa.types.is_date(kind) or pa.types.is_timestamp(kind)


def _decoded_bytes(column: pa.Array) -> int:
    """Bytes that a column will need as float64 or as text."""
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
    """Raise DataError for pyarrow's errors on a broken file."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
        said = " ".join(str(error).split())[:160]
        raise DataError(
            f"{path}: is not a sound {kind} file ({said}); correct or replace it."
        ) from error
