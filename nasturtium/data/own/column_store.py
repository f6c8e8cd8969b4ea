"""A large table on disk: written in batches, and read by column or by rows.

Most checks need a whole column, and the prepared form needs whole rows, but a table may be larger
than memory. So its batches go to a file without a name in the temporary folder (``TMPDIR``). Only
one batch or one column is in memory at a time.
"""

import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from nasturtium.errors import StorageError

_BLOCK_BYTES = 16 * 2**20


class ColumnStore(Mapping[str, pa.ChunkedArray]):
    """Columns by name, in the order in which they were written. Each one is read on demand."""

    def __init__(self, path: str):
        """``path`` is the table's file, for errors."""
        self._path, self._file = path, _nameless(path)
        # The type of each column, and the start and length of its batches.
        self._places: dict[str, tuple[pa.Schema, list[tuple[int, int]]]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        schema, places = self._places[name]
        chunks = []
        for start, length in places:
            self._file.seek(start)
            batch = pyarrow.ipc.read_record_batch(pa.py_buffer(self._file.read(length)), schema)
            chunks.append(batch.column(0))
        return pa.chunked_array(chunks, schema.field(0).type)

    def write(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Add the columns of ``schema`` with the rows in ``batches``.

        Raises
        ------
        StorageError
            The temporary folder has no space for them.
        """
        of_column = [pa.schema([field]) for field in schema]
        self._places.update({s.names[0]: (s, []) for s in of_column})
        with _explained(self._path):
            start = self._file.seek(0, io.SEEK_END)
        for batch in batches:
            for place, column_schema in enumerate(of_column):
                column = pa.record_batch([batch.column(place)], schema=column_schema)
                content = column.serialize()
                with _explained(self._path):
                    self._file.write(content)
                self._places[column_schema.names[0]][1].append((start, content.size))
                start += content.size
        with _explained(self._path):
            self._file.flush()

    def replace(self, name: str, columns: Mapping[str, pa.ChunkedArray]) -> None:
        """Replace the column ``name`` by ``columns``, which have the same number of rows."""
        names = [new for old in self for new in (columns if old == name else [old])]
        table = pa.table(dict(columns))
        self.write(table.schema, table.to_batches())
        self._places = {name: self._places[name] for name in names}


class RowStore:
    """Columns of features, read back as rows: float32 of shape (rows, width).

    A categorical column becomes a one-hot column for each category.

    Attributes
    ----------
    low, high, whole
        Smallest and largest value, and whether all are whole numbers; NaN if a value is missing.
    """

    def __init__(self, path: str, rows: int):
        """``path`` is the table's file, for errors."""
        self._path, self._rows, self._file = path, rows, _nameless(path)
        self._widths: list[int | None] = []
        self.low, self.high, self.whole = np.inf, -np.inf, True

    def __len__(self) -> int:
        return self._rows

    @property
    def width(self) -> int:
        """Number of columns in a row."""
        return sum(width or 1 for width in self._widths)

    def add(self, column: np.ndarray, categories: int | None = None) -> None:
        """Add a column of shape (rows,): numbers, or indices of that many ``categories``."""
        extremes = (column.min(), column.max()) if categories is None else (0, 1)
        self.low = float(min(self.low, extremes[0]))
        self.high = float(max(self.high, extremes[1]))
        self.whole = self.whole and (categories is not None or not (column % 1).any())
        with _explained(self._path):
            self._file.write(np.ascontiguousarray(column, np.float32))
        self._widths.append(categories)

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows in order, in blocks of some megabytes."""
        at_once = max(1, _BLOCK_BYTES // (4 * max(1, self.width)))
        for start in range(0, self._rows, at_once):
            yield self._block(start, min(at_once, self._rows - start))

    def _block(self, start: int, rows: int) -> np.ndarray:
        block, first = np.zeros((rows, self.width), np.float32), 0
        for number, width in enumerate(self._widths):
            self._file.seek(4 * (number * self._rows + start))
            column = np.frombuffer(self._file.read(4 * rows), np.float32)
            if width is None:
                block[:, first] = column
            else:
                block[np.arange(rows), first + column.astype(np.int64)] = 1
            first += width or 1
        return block


def _nameless(path: str):
    with _explained(path):
        return tempfile.TemporaryFile()


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Raise StorageError if the temporary folder can't be written to or read from."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{tempfile.gettempdir()}: can't store the columns of {path} "
            f"({error.strerror or error}); free some space there, or set TMPDIR to a folder with "
            "more space."
        ) from error
