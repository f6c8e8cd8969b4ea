"""Dialect of a CSV file: taken from its description or detected, and logged."""

import codecs
import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from nasturtium.data.own.conversion import (
    DATE_FORMATS,
    FALSE,
    TRUE,
    plain_numbers,
    to_moments,
)
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# pyarrow and pandas read these as missing.
MARKS = (
    *("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NULL", "null", "None"),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
# In a column of numbers, these can only mean missing.
_MARKS_OF_NUMBERS = ("?", "-", "--", ".")
_HEAD_BYTES = 2**20
_SEPARATORS = (",", ";", "\t", "|")
# Decimal and thousands signs, the most likely ones first.
_NOTATIONS = (
    *((".", None), (",", None), (".", ","), (",", ".")),
    *((".", " "), (",", " "), (".", "\u00a0"), (",", "\u00a0"), (",", "\u202f"), (".", "'")),
)
_AMBIGUOUS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class Dialect:
    """How a table file writes numbers, truth values, dates and missing values.

    Attributes
    ----------
    dates
        Format of each column of dates: one of
        :data:`nasturtium.data.own.conversion.DATE_FORMATS`, or one for strptime. It is empty if
        the type of the column in a Parquet file is a date.
    hours
        Columns of dates that have a time of day.
    booleans
        Columns of words such as yes and no.
    """

    separator: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str | None = None
    missing_values: tuple[str, ...] = ()
    dates: Mapping[str, str] = field(default_factory=dict)
    hours: tuple[str, ...] = ()
    booleans: tuple[str, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts that mean a missing value in any column."""
        return (*MARKS, *self.missing_values)

    @property
    def marks_of_numbers(self) -> tuple[str, ...]:
        """Texts that mean a missing value in a column without texts."""
        return (*self.marks, *_MARKS_OF_NUMBERS)

    def of_file(self, path: str) -> "Dialect":
        """The same dialect with the encoding of another file."""
        return replace(self, encoding=encoding_of(path))

    def as_dict(self) -> dict:
        """The dialect as a dict, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping) -> "Dialect":
        """The dialect from :meth:`as_dict`, or from its JSON."""
        lists = ("missing_values", "hours", "booleans")
        return cls(**{k: tuple(v) if k in lists else v for k, v in values.items()})


def detect(
    path: str, own: Mapping, choose: Callable[[Sequence[str]], list[str]], text: Sequence[str]
) -> Dialect:
    """The dialect of a CSV file. Keys in ``own`` win; the first megabyte shows the rest.

    Parameters
    ----------
    choose, text
        See :func:`nasturtium.data.own.table_files.read_csv`.

    Raises
    ------
    DataError
        The file can be read in two ways that lead to different numbers.
    """
    encoding = own.get("encoding") or encoding_of(path)
    head = _head(path, encoding)
    separator = own.get("separator") or _separator(head)
    dialect = Dialect(
        separator=separator,
        encoding=encoding,
        decimal=own.get("decimal", "," if own.get("thousands") == "." else "."),
        thousands=own.get("thousands"),
        missing_values=tuple(own.get("missing_values", ())),
    )
    columns = _columns(head, dialect)
    names = [name for name in choose(list(columns)) if name not in text] if columns else []
    values = {
        name: [v for v in columns[name] if v.strip() not in dialect.marks_of_numbers]
        for name in names
    }
    values = {name: found for name, found in values.items() if found}
    for name in names:
        marks = sorted({v.strip() for v in columns[name]} & set(_MARKS_OF_NUMBERS))
        if marks and _is_number_like(values.get(name, [])):
            logger.warning(
                "%s: column '%s' has '%s', which is read as a missing value; if it means something "
                "else, write a number instead.",
                path,
                name,
                marks[0],
            )
    if "decimal" not in own and "thousands" not in own:
        decimal, thousands = _notation(values, path)
        dialect = replace(dialect, decimal=decimal, thousands=thousands)
    booleans = tuple(
        n for n, v in values.items() if {x.strip().lower() for x in v} <= {*TRUE, *FALSE}
    )
    rest = {n: v for n, v in values.items() if n not in booleans and not _fits(v, dialect)}
    dates = {n: own.get("date_format") or date_format(v, path, n) for n, v in rest.items()}
    dates = {n: found for n, found in dates.items() if found and _all_dates(rest[n], found)}
    hours = tuple(n for n in dates if any(":" in v for v in rest[n]))
    dialect = replace(dialect, booleans=booleans, dates=dates, hours=hours)
    _say(path, dialect)
    return dialect


def encoding_of(path: str) -> str:
    """UTF-8 or UTF-16 if the file has this encoding; otherwise Windows-1252, with a warning.

    Raises
    ------
    DataError
        The file is no text.
    """
    # pyarrow unpacks compressed files by their name, both here and when the whole file is read.
    with _opened(path) as file:
        decoder, is_utf8, is_first = codecs.getincrementaldecoder("utf-8")(), True, True
        while block := file.read(_HEAD_BYTES):
            if is_first and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            is_first = False
            if b"\0" in block:
                raise DataError(f"{path}: has bytes that are no text; save it as CSV in UTF-8.")
            try:
                is_utf8 = is_utf8 and decoder.decode(block) is not None
            except UnicodeDecodeError:
                is_utf8 = False
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    if is_utf8:
        return "utf-8"
    logger.warning(
        "%s: is not UTF-8, so it is read as Windows-1252; if its encoding is another one, set "
        "'encoding'.",
        path,
    )
    return "windows-1252"


@contextmanager
def _opened(path: str) -> Iterator[pa.NativeFile]:
    try:
        with pa.input_stream(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: can't be read ({said}); correct or replace it.") from error


def _head(path: str, encoding: str) -> str:
    """Complete lines of the first megabyte; empty if they can't be decoded."""
    try:
        with _opened(path) as file:
            content = file.read(_HEAD_BYTES)
        # The last character may be incomplete.
        text = codecs.getincrementaldecoder(encoding)().decode(content)
    except (UnicodeError, LookupError):
        return ""
    text = text.removeprefix("\ufeff")
    if len(content) < _HEAD_BYTES:
        return text
    return text[: text.rfind("\n") + 1]


def _separator(head: str) -> str:
    """The most frequent separator in the header outside quotes; a comma if there is none."""
    header = re.sub(r'"[^"]*"', "", head.split("\n", 1)[0])
    return max(_SEPARATORS, key=header.count)


def _columns(head: str, dialect: Dialect) -> dict[str, list[str]]:
    """The distinct texts in each column of ``head``; empty if ``head`` is not sound."""
    parse = pyarrow.csv.ParseOptions(
        delimiter=dialect.separator, invalid_row_handler=lambda row: "skip"
    )
    source = io.BytesIO(head.encode("utf-8", "replace"))
    try:
        with pyarrow.csv.open_csv(source, parse_options=parse) as reader:
            names = reader.schema.names
        if len(set(names)) < len(names):
            return {name: [] for name in names}
        source.seek(0)
        convert = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        )
        table = pyarrow.csv.read_csv(source, parse_options=parse, convert_options=convert)
    except (pa.ArrowException, ValueError):
        return {}
    return {name: pc.unique(table.column(name)).to_pylist() for name in names}


def _is_number_like(values: Iterable[str]) -> bool:
    return any(
        _fits(list(values), Dialect(decimal=d, thousands=t)) for d, t in _NOTATIONS if values
    )


def _fits(values: Sequence[str], dialect: Dialect) -> bool:
    numbers = plain_numbers(
        pa.chunked_array([pa.array(values)]), dialect.decimal, dialect.thousands
    )
    return numbers.null_count == 0


def _notation(values: Mapping[str, Sequence[str]], path: str) -> tuple[str, str | None]:
    """The first notation that fits all columns of numbers."""
    fitting = {
        name: [n for n in _NOTATIONS if _fits(v, Dialect(decimal=n[0], thousands=n[1]))]
        for name, v in values.items()
    }
    fitting = {name: found for name, found in fitting.items() if found}
    common = [n for n in _NOTATIONS if all(n in found for found in fitting.values())]
    if not common:
        return ".", None
    if common[0] == (",", None) and (".", ",") in common:
        name = next(n for n in fitting if (".", None) not in fitting[n])
        example = next(v for v in values[name] if _AMBIGUOUS.fullmatch(v.strip()))
        raise DataError(
            f"{path}: column '{name}' has {example!r}, whose comma may be a decimal or a thousands "
            "sign; set \"decimal: ','\" or \"thousands: ','\"."
        )
    return common[0]


def date_format(values: Sequence[str], path: str, name: str) -> str | None:
    """The date format that fits all ``values``; None if there is none.

    Raises
    ------
    DataError
        Several formats fit.
    """
    fitting = [found for found in DATE_FORMATS if _all_dates(values, found)]
    if len(fitting) > 1:
        raise DataError(
            f"{path}: column '{name}' has {values[0]!r}, whose day and month can't be told apart; "
            f"set \"date_format: '{fitting[0]}'\" or '{fitting[1]}'."
        )
    return fitting[0] if fitting else None


def _all_dates(values: Sequence[str], written: str) -> bool:
    return to_moments(pa.chunked_array([pa.array(values)]), written).null_count == 0


def _say(path: str, dialect: Dialect) -> None:
    usual = Dialect()
    for key, value in dialect.as_dict().items():
        if value and value != getattr(usual, key) and key != "hours":
            shown = ", ".join(value) if isinstance(value, tuple | dict) else repr(value)
            logger.info("%s: %s %s", path, key.replace("_", " "), shown)
