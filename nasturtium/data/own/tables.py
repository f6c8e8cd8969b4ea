"""Formats ``csv`` and ``parquet``: each row is a sample, and columns have names."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from nasturtium.data.catalog import Description
from nasturtium.data.own import (
    checks,
    classes,
    columns,
    suspicions,
    table_files,
    test_files,
)
from nasturtium.data.own.column_report import column_report
from nasturtium.data.own.column_store import ColumnStore, RowStore
from nasturtium.data.own.dialect import Dialect, detect
from nasturtium.data.own.order import split_column, split_order
from nasturtium.data.samples import Blocks, Samples
from nasturtium.errors import DataError

_MOST_CATEGORIES = 1000
_NARROWER = "subtract a constant from them, or leave the column out of 'features'"
MISSING = "(missing)"


def read(name: str, own: Mapping) -> tuple[Description, Samples]:
    """The samples of one table, or of two if ``test_path`` names the table of the test split.

    Numeric columns become float32. Categorical columns become a one-hot column for each category,
    and a missing category counts as one more. If ``input_shape`` is the shape of an image, a row
    has the values of its pixels, channel fastest.

    Raises
    ------
    DataError
        Not such a table, a column is missing, or a value does not fit its column. The message names
        file, row and column.
    """
    paths = [own["path"], *([own["test_path"]] if "test_path" in own else [])]
    tables = [_Table(paths[0], own)]
    for path in paths[1:]:
        tables.append(_Table(path, own, tables[0].dialect))
        tables[1].arrange_as(tables[0])
    names, categories, rows = _encoded(tables)
    targets, class_names = _targets(tables, own)
    split_by = split_column(own)
    reports = column_report(
        [table.columns for table in tables],
        tables[0].names,
        own["target"],
        categories,
        tables[0].dialect,
        own,
    )
    width = rows[0].width
    shape = tuple(own.get("input_shape", (width,)))
    if np.prod(shape) != width:
        raise DataError(
            f"{paths[0]}: has {width} columns of features, which do not fit samples of shape "
            f"{shape}; change 'input_shape', or name the columns under 'features'."
        )
    image, dtype = len(shape) == 3, np.dtype(np.float32)
    low, high = min(part.low for part in rows), max(part.high for part in rows)
    if image and low >= 0 and high <= 255 and all(part.whole for part in rows):
        dtype = np.dtype(np.uint8)

    def blocks() -> Iterator[np.ndarray]:
        for part in rows:
            for block in part.blocks():
                yield block.astype(dtype, copy=False).reshape(-1, *shape)

    described = checks.description(
        name,
        own,
        shape,
        targets,
        input_scale=checks.input_scale(own, low, high, paths[0]) if image else None,
        feature_names=None if image else tuple(names),
        categories=None if image or not categories else categories,
        dialect=None if image else tables[0].dialect.as_dict(),
        class_names=class_names,
    )
    return described, Samples(
        features=Blocks((len(targets), *shape), dtype, blocks),
        targets=targets,
        test_from=len(tables[0]) if len(paths) > 1 else None,
        sources=test_files.checksums(paths, paths),
        columns=reports,
        split_by=split_by[0] if split_by else None,
        order=split_order([table.order for table in tables], own, tables[0].dialect, paths),
    )


class _Table:
    """The columns of one file that the description needs."""

    def __init__(self, path: str, own: Mapping, dialect: Dialect | None = None):
        self.path = path
        self._first_row = 2 if own["format"] == "csv" else 1  # a CSV's header is its row 1
        text = [*own.get("categorical", [])]
        if own["task"] == "classification":
            text.append(own["target"])
        split_by = split_column(own)
        text += [split_by[1]] if split_by else []
        self.columns, self.dialect = read_columns(path, own, text, dialect)
        self.order = self.columns[split_by[1]] if split_by else None
        self.names = [name for name in self.columns if not split_by or name != split_by[1]]
        self.categorical = [*own.get("categorical", [])]
        self.numeric = [
            name for name in self.names if name not in self.categorical and name != own["target"]
        ]
        # The spread of each numeric column, known after reading.
        self.spreads: dict[str, float] = {}
        if not self.numeric and not self.categorical:
            raise DataError(f"{path}: has no column besides its target; name another file.")
        self.target = self.columns[own["target"]]
        # Pixels mean nothing by themselves, and a user who names columns has looked at them.
        self._are_chosen = "features" in own or "input_shape" in own
        self._of_missing = (
            "list it under 'missing_values'" if own["format"] == "csv" else "save it as null"
        )
        self._missing_allowed = (
            own.get("missing", "error") != "error" and len(own.get("input_shape", (0,))) == 1
        )
        if not len(self):
            raise DataError(f"{path}: has no rows; add samples.")

    def __len__(self) -> int:
        return len(self.target)

    def arrange_as(self, other: "_Table") -> None:
        """Use the column order of another file; DataError if its columns differ."""
        unlike = sorted(set(self.numeric) ^ set(other.numeric))
        if unlike:
            lacking, having = (self, other) if unlike[0] in other.numeric else (other, self)
            raise DataError(
                f"{lacking.path}: has no column '{unlike[0]}', which {having.path} has; save both "
                "alike, or leave it out of 'features'."
            )
        self.numeric = other.numeric

    def row(self, index: int) -> int:
        """Number of the row in the file, as users count it."""
        return index + self._first_row

    def add_numbers(self, rows: RowStore) -> None:
        """Add the numeric columns to ``rows``; a missing value is NaN."""
        target = _floats(self.target) if pa.types.is_floating(self.target.type) else None
        for name in self.numeric:
            column = _floats(self.columns[name])
            where = f"{self.path}: column '{name}'"
            checks.finite(column, where, self._first_row, self._missing_allowed)
            with np.errstate(over="ignore"):
                stored = column.astype(np.float32)
            checks.finite(stored, where, self._first_row, self._missing_allowed)
            columns.check_digits(column, stored, where, _NARROWER)
            self.spreads[f"column '{name}'"] = test_files.spread(column)
            if not self._are_chosen:
                suspicions.look(column, name, where, target, self._of_missing)
            rows.add(stored)

    def floats(self, name: str) -> np.ndarray:
        column = _floats(self.columns[name])
        return checks.targets(column, f"{self.path}: column '{name}'", self._first_row)

    def text(self, name: str) -> list[str | None]:
        """The texts of a column. Equal texts share one object, to save memory."""
        column = self.columns[name].combine_chunks().dictionary_encode()
        texts = [*column.dictionary.to_pylist(), None]
        return [texts[index] for index in column.indices.fill_null(-1).to_pylist()]


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.float64(), safe=False).to_numpy()


def _encoded(
    tables: Sequence[_Table],
) -> tuple[list[str], dict[str, tuple[str, ...]], list[RowStore]]:
    """Names of all feature columns, categories of each column, and features of each table."""
    names, found = list(tables[0].numeric), {}
    rows = [RowStore(table.path, len(table)) for table in tables]
    for table, part in zip(tables, rows, strict=True):
        table.add_numbers(part)
    test_files.compare(tables[0].spreads, tables[-1].spreads, tables[-1].path)
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
        found[column] = tuple(categories)
        number = {category: i for i, category in enumerate(categories)}
        names += [f"{column}={category}" for category in categories]
        for part, column_values in zip(rows, values, strict=True):
            part.add(np.array([number[value] for value in column_values]), len(categories))
    return names, found, rows


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
                "correct or remove the row."
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
    wheres = [f"{table.path}: column '{name}'" for table in tables]
    return classes.numbered(values, wheres, [table.path for table in tables])


def read_columns(
    path: str, own: Mapping, text: Sequence[str], dialect: Dialect | None = None
) -> tuple[ColumnStore, Dialect]:
    """Columns of a described file by name, and its dialect, detected if ``dialect`` is None.

    Columns in ``text`` are strings, all others float64.
    """
    seen: dict[tuple[str, ...], list[str]] = {}

    def choose(found: Sequence[str]) -> list[str]:
        # A second call must not repeat the warnings.
        if tuple(found) not in seen:
            seen[tuple(found)] = _wanted(path, own, found)
        return seen[tuple(found)]

    if own["format"] == "parquet":
        found = table_files.read_parquet(path, choose, text)
        return found, Dialect(**_typed_dates(found))
    if dialect is None:
        dialect = detect(path, own, choose, text)
    else:
        dialect = dialect.of_file(path) if "encoding" not in own else dialect
    advice = "set 'task: classification' if it names classes" if own.get("target") else ""
    remedies = {own.get("target", ""): advice}
    return table_files.read_csv(path, choose, text, dialect, remedies=remedies), dialect


def _typed_dates(found: Mapping[str, object]) -> dict:
    """The columns of a Parquet file that were dates, found by the names of their parts."""
    dates = {n.removesuffix(".days"): "" for n in found if n.endswith(".days")}
    dates = {name: "" for name in dates if f"{name}.weekday" in found}
    return {"dates": dates, "hours": tuple(n for n in dates if f"{n}.hour" in found)}


def _wanted(path: str, own: Mapping, found: Sequence[str]) -> list[str]:
    """The columns to read, in the file's order."""
    needed = [own["target"], *own.get("features", []), *own.get("categorical", [])]
    split_by = split_column(own)
    needed += [split_by[1]] if split_by else []
    table_files.check_names(path, found, needed)
    chosen = set(needed)
    if "features" not in own:
        chosen.update(columns.without_index([n for n in found if n not in needed], path))
    columns.check_plain(chosen, path)
    return [name for name in found if name in chosen]
