"""Converts dates and booleans of a user's data frame to numbers, as for the training."""

from collections.abc import Mapping, Sequence

from nasturtium.errors import DataError


def sources(names: Sequence[str], dialect: Mapping | None) -> list[str]:
    """The columns from which ``names`` are made; parts of a date share one column."""
    dates = (dialect or {}).get("dates", {})
    parts = {f"{name}.": name for name in dates}
    found = [
        next((column for start, column in parts.items() if name.startswith(start)), name)
        for name in names
    ]
    return list(dict.fromkeys(found))


def with_numbers(frame: object, dialect: Mapping | None) -> object:
    """``frame`` unchanged, or a mapping with parts of dates, and numbers for booleans.

    Raises
    ------
    DataError
        A date or boolean has another format than in the training.
    """
    if not dialect or not (dialect["dates"] or dialect["booleans"]):
        return frame
    import pyarrow as pa

    from nasturtium.data.own import conversion

    numbers = {str(name): frame[name] for name in frame}
    for name in (*dialect["dates"], *dialect["booleans"]):
        if name not in numbers:
            raise DataError(f"The samples have no column '{name}'; add it.")
        values = numbers.pop(name)
        values = [values] if isinstance(values, str) or not hasattr(values, "__len__") else values
        try:
            column = pa.chunked_array([pa.array(list(values), from_pandas=True)])
        except (pa.ArrowException, TypeError) as error:
            raise DataError(
                f"The samples: column '{name}' has values of several types; give one type."
            ) from error
        where = f"The samples: column '{name}'"
        if name in dialect["booleans"]:
            truths = column
            if pa.types.is_string(column.type):
                truths = conversion.to_booleans(column)
                conversion.check_converted(
                    column, truths, where, 1, "which is no truth value; correct it"
                )
            numbers[name] = truths.cast(pa.float64()).to_numpy()
            continue
        if pa.types.is_string(column.type):
            moments = conversion.to_moments(column, dialect["dates"][name] or conversion.ISO)
            conversion.check_converted(
                column, moments, where, 1, "which is no date as in the training data; correct it"
            )
        elif pa.types.is_temporal(column.type):
            moments = column.cast(pa.timestamp("us"), safe=False)
        else:
            raise DataError(f"{where} has values of type {column.type}, not dates; give dates.")
        parts = conversion.date_parts(moments, name, name in dialect["hours"])
        numbers.update({part: values.to_numpy() for part, values in parts.items()})
    return numbers
