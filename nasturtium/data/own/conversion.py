"""Converts texts of a table to numbers: decimal commas, thousands, truth values and dates."""

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from nasturtium.errors import DataError

TRUE, FALSE = ("true", "yes", "t", "y", "on"), ("false", "no", "f", "n", "off")
# ISO 8601, read by pyarrow: days, or times up to fractions of a second.
ISO = "ISO"
DATE_FORMATS = (
    ISO,
    *("%Y/%m/%d", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"),
    *("%d %b %Y", "%b %d, %Y", "%d-%b-%Y"),
)
_PARTS: dict[str, Callable] = {
    "days": lambda moment: moment.cast(pa.date32()).cast(pa.int32()),
    "year": pc.year,
    "month": pc.month,
    "weekday": pc.day_of_week,
    "hour": lambda moment: pc.add(pc.hour(moment), pc.divide(pc.minute(moment).cast("double"), 60)),
}


def to_numbers(column: pa.ChunkedArray, decimal: str, thousands: str | None) -> pa.ChunkedArray:
    """Texts as float64; a text that is no number becomes null."""
    return plain_numbers(column, decimal, thousands).cast(pa.float64())


def plain_numbers(column: pa.ChunkedArray, decimal: str, thousands: str | None) -> pa.ChunkedArray:
    """Numbers as texts with a decimal point, without thousands; other texts become null."""
    column = pc.utf8_trim_whitespace(column)
    if thousands:
        grouped = rf"^[-+]?\d{{1,3}}([{thousands}]\d{{3}})+([{decimal}]\d*)?$"
        plain = pc.replace_substring(column, thousands, "")
        # Separators in other places are a mistake or another notation.
        separated = pc.match_substring(column, thousands)
        bad = pc.and_(separated, pc.invert(pc.match_substring_regex(column, grouped)))
        column = pc.if_else(bad, pa.scalar(None, pa.string()), plain)
    if decimal != ".":
        dotted = pc.match_substring(column, ".")
        column = pc.if_else(
            dotted, pa.scalar(None, pa.string()), pc.replace_substring(column, decimal, ".")
        )
    number = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
    good = pc.match_substring_regex(column, number)
    return pc.if_else(good, column, pa.scalar(None, pa.string()))


def to_booleans(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Words such as yes and no as 1 and 0 in float64; other texts become null."""
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    is_true = pc.is_in(lower, pa.array(TRUE))
    known = pc.or_(is_true, pc.is_in(lower, pa.array(FALSE)))
    return pc.if_else(known, is_true.cast(pa.float64()), pa.scalar(None, pa.float64()))


def to_moments(column: pa.ChunkedArray, date_format: str) -> pa.ChunkedArray:
    """Texts in ``date_format`` as timestamps without a time zone; other texts become null."""
    column = pc.utf8_trim_whitespace(column)
    if date_format != ISO:
        return pc.strptime(column, format=date_format, unit="s", error_is_null=True)
    good = pc.match_substring_regex(
        column, r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[-+]\d\d:?\d\d)?)?$"
    )
    column = pc.if_else(good, column, pa.scalar(None, pa.string()))
    for zone in (None, "UTC"):
        try:
            return column.cast(pa.timestamp("us", zone)).cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            continue
    # A month 13, for example, or a time zone in only some rows.
    return pa.chunked_array([pa.nulls(len(column), pa.timestamp("us"))])


def date_parts(moment: pa.ChunkedArray, name: str, hours: bool) -> dict[str, pa.ChunkedArray]:
    """A column of timestamps as several float64 columns: ``{name}.days`` since 1970 and so on.

    Weekdays are counted from 0 for Monday. ``hours`` asks for the time of day, with fractions.
    """
    parts = [part for part in _PARTS if hours or part != "hour"]
    return {f"{name}.{part}": _PARTS[part](moment).cast(pa.float64()) for part in parts}


def check_converted(
    texts: pa.ChunkedArray,
    converted: pa.ChunkedArray,
    where: str,
    first_row: int,
    what: str,
) -> None:
    """Raise DataError for the first text that became null but was not missing."""
    lost = pc.and_(pc.is_valid(texts), pc.is_null(converted))
    row = pc.index(lost, True).as_py()
    if row >= 0:
        raise DataError(f"{where}: row {row + first_row} has {texts[row].as_py()[:40]!r}, {what}.")


def without_marks(column: pa.ChunkedArray, marks: Mapping | tuple) -> pa.ChunkedArray:
    """``column`` of texts, with null for every text that marks a missing value."""
    missing = pc.is_in(pc.utf8_trim_whitespace(column), pa.array(list(marks), pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), column)
