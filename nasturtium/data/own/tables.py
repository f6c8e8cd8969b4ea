"""Formats ``csv`` and ``parquet``: a row a sample, columns by name."""

import difflib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from nasturtium.data.catalog import Description
from nasturtium.data.own import checks, columns
from nasturtium.data.samples import Samples
from nasturtium.data.sources import file_sha256
from nasturtium.errors import DataError

_MOST_CATEGORIES = 1000
_NARROWER = "subtract what they have in common, or leave it out of 'features'"
MISSING = "(missing)"
_CONVERSION = re.compile(r"column #(\d+):.* Row #(\d+): .*invalid value '(.*)'", re.DOTALL)


def read(name: str, own: Mapping) -> tuple[Description, Samples]:
    """The samples of one table, or of two where ``test_path`` names the test split's.

    Numeric columns become float32, categorical ones a column of zeros and ones for each category;
    a missing category is one of its own. With ``input_shape`` of an image, a row holds its values,
    channel fastest.

    Raises
    ------
    DataError
        Not such a table, a column is missing, or a value is not what its column holds; the
        sentence names file, row and column.
    """
    paths = [own["path"], *([own["test_path"]] if "test_path" in own else [])]
    load = _csv if own["format"] == "csv" else _parquet
    tables = [_Table(path, own, load) for path in paths]
    if tables[0].numeric != tables[-1].numeric:
        raise DataError(f"{paths[1]}: has other columns than {paths[0]}; save both alike.")
    names, encoded = _encoded(tables)
    targets, class_names = _targets(tables, own)
    features = np.concatenate(encoded)
    shape = tuple(own.get("input_shape", (features.shape[1],)))
    if np.prod(shape) != features.shape[1]:
        raise DataError(
            f"{paths[0]}: has {features.shape[1]} columns of features, which are no samples of "
            f"shape {shape}; mend 'input_shape' or name the columns under 'features'."
        )
    image = len(shape) == 3
    if image and features.min() >= 0 and features.max() <= 255 and not (features % 1).any():
        features = features.astype(np.uint8)
    described = checks.description(
        name,
        own,
        shape,
        targets,
        input_scale=checks.scale_of(own, features, paths[0]) if image else None,
        feature_names=None if image else tuple(names),
        class_names=class_names,
    )
    return described, Samples(
        features=features.reshape(-1, *shape),
        targets=targets,
        test_from=len(tables[0]) if len(paths) > 1 else None,
        sources={os.path.basename(path): file_sha256(path) for path in paths},
    )


class _Table:
    """The columns of one file that the description needs."""

    def __init__(self, path: str, own: Mapping, load: Callable):
        self.path = path
        self._first_row = 2 if own["format"] == "csv" else 1  # a CSV's header is its row 1
        text = [*own.get("categorical", [])]
        if own["task"] == "classification":
            text.append(own["target"])
        self.columns = load(path, own, text)
        self.categorical = [*own.get("categorical", [])]
        self.numeric = [
            name for name in self.columns if name not in self.categorical and name != own["target"]
        ]
        if not self.numeric and not self.categorical:
            raise DataError(f"{path}: has no column beside its target; name another file.")
        self.target = self.columns[own["target"]]
        self._missing_allowed = (
            own.get("missing", "error") != "error" and len(own.get("input_shape", (0,))) == 1
        )
        if not len(self):
            raise DataError(f"{path}: has no rows; put samples in it.")

    def __len__(self) -> int:
        return len(self.target)

    def row(self, index: int) -> int:
        """The row as a person counts it in the file."""
        return index + self._first_row

    def numbers(self) -> np.ndarray:
        """The numeric columns, float32 of shape (rows, columns); a missing value is NaN."""
        table = np.empty((len(self), len(self.numeric)), np.float32)
        for number, name in enumerate(self.numeric):
            column = _floats(self.columns[name])
            where = f"{self.path}: column '{name}'"
            checks.finite(column, where, self._first_row, self._missing_allowed)
            with np.errstate(over="ignore"):
                table[:, number] = column
            checks.finite(table[:, number], where, self._first_row, self._missing_allowed)
            columns.check_digits(column, table[:, number], where, _NARROWER)
        return table

    def floats(self, name: str) -> np.ndarray:
        column = _floats(self.columns[name])
        return checks.targets(column, f"{self.path}: column '{name}'", self._first_row)

    def text(self, name: str) -> list[str | None]:
        return self.columns[name].to_pylist()


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.float64(), safe=False).to_numpy()


def _encoded(tables: Sequence[_Table]) -> tuple[list[str], list[np.ndarray]]:
    """Names of all columns of features, and the features of each table."""
    names = list(tables[0].numeric)
    parts = [[table.numbers()] for table in tables]
    for column in tables[0].categorical:
        values = [
            [MISSING if value is None else value for value in table.text(column)]
            for table in tables
        ]
        columns.check_categories(values, column, [table.path for table in tables])
        categories = sorted({value for part in values for value in part})
        if len(categories) > _MOST_CATEGORIES:
            raise DataError(
                f"{tables[0].path}: column '{column}' has {len(categories):,} categories, more "
                f"than {_MOST_CATEGORIES:,}; leave it out of 'features'."
            )
        number = {category: i for i, category in enumerate(categories)}
        names += [f"{column}={category}" for category in categories]
        for part, column_values in zip(parts, values, strict=True):
            one_hot = np.zeros((len(column_values), len(categories)), np.float32)
            one_hot[np.arange(len(column_values)), [number[v] for v in column_values]] = 1
            part.append(one_hot)
    return names, [np.concatenate(part, axis=1) for part in parts]


def _targets(tables: Sequence[_Table], own: Mapping) -> tuple[np.ndarray, tuple[str, ...] | None]:
    name = own["target"]
    if own["task"] == "regression":
        return np.concatenate([table.floats(name) for table in tables]), None
    values = []
    for table in tables:
        text = table.text(name)
        if None in text:
            raise DataError(
                f"{table.path}: column '{name}': row {table.row(text.index(None))} has no label; "
                "mend or remove the row."
            )
        values.append(text)
    if "classes" in own:
        return np.concatenate(
            [
                checks.labels(
                    columns.numbers(part),
                    f"{table.path}: column '{name}'",
                    own["classes"],
                    table.row(0),
                )
                for table, part in zip(tables, values, strict=True)
            ]
        ), None
    found = {value for part in values for value in part}
    columns.check_blanks(found, f"{tables[0].path}: column '{name}'")
    columns.check_known(
        values[-1], values[0], f"{tables[-1].path}: column '{name}'", tables[0].path
    )
    whole = all(re.fullmatch(r"-?\d{1,18}", value) for value in found)
    classes = sorted(found, key=int if whole else None)
    if len(classes) > checks.MOST_CLASSES:
        raise DataError(
            f"{tables[0].path}: column '{name}' has {len(classes):,} classes; is it a regression?"
        )
    number = {value: i for i, value in enumerate(classes)}
    return np.array([number[v] for part in values for v in part], np.int64), tuple(classes)


def _wanted(path: str, own: Mapping, found: Sequence[str]) -> list[str]:
    """The columns to read, in the file's order."""
    name, times = Counter(found).most_common(1)[0] if found else ("", 0)
    if times > 1:
        raise DataError(f"{path}: has the column '{name}' twice; rename one.")
    needed = [own["target"], *own.get("features", []), *own.get("categorical", [])]
    for name in needed:
        if name not in found:
            near = difflib.get_close_matches(name, found, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(found[:10])}."
            raise DataError(f"{path}: has no column '{name}'; {hint}")
    chosen = set(needed)
    if "features" not in own:
        chosen.update(columns.without_index([n for n in found if n not in needed], path))
    return [name for name in found if name in chosen]


def _csv(path: str, own: Mapping, text: Sequence[str]) -> dict[str, pa.ChunkedArray]:
    parse = pyarrow.csv.ParseOptions(delimiter=own.get("separator", ","))
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
    names = _wanted(path, own, found)
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
            f"'{found[column]}', not a number; mend it, name the column under 'categorical', or "
            "leave it out of 'features'."
        ) from error
    return {name: table.column(name) for name in names}


def _parquet(path: str, own: Mapping, text: Sequence[str]) -> dict[str, pa.ChunkedArray]:
    with _explained(path, "Parquet"), pyarrow.parquet.ParquetFile(path) as file:
        names = _wanted(path, own, file.schema_arrow.names)
        for name in names:
            kind = file.schema_arrow.field(name).type
            if name not in text and not _is_number(kind):
                raise DataError(
                    f"{path}: column '{name}' holds {kind}, not numbers; name it under "
                    "'categorical' or leave it out of 'features'."
                )
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
