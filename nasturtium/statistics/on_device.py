"""Checks whether a net's measured int8 file fits into the device of a study."""

from collections.abc import Mapping, Sequence

# The column of a limit in ``summary.parquet``, the limited figure, and the limit's name.
_LIMITS = (
    ("device_flash_bytes", "tflite_int8_bytes", "flash"),
    ("device_ram_bytes", "tflite_int8_arena_bytes", "RAM"),
)


def device_of(row: Mapping) -> str | None:
    """Name of the device; None if the study has none."""
    return row.get("device")


def fits(rows: Sequence[Mapping]) -> bool:
    """Whether a run's int8 file fits into the device's flash and RAM with every seed.

    A value that was not measured does not fit.
    """
    return all(
        row.get(figure) is not None and row[figure] <= row[limit]
        for row in rows
        for limit, figure, _ in _LIMITS
        if row.get(limit) is not None
    )


def need(rows: Sequence[Mapping]) -> str:
    """The largest need of a run's int8 file over its seeds, as a part of a sentence."""
    parts = []
    for limit, figure, name in _LIMITS:
        allowed = rows[0].get(limit)
        if allowed is not None:
            most = max(row[figure] for row in rows)
            parts.append(f"{most:,} of {allowed:,} bytes of {name}")
    return " and ".join(parts)


def why_none(runs: Sequence[Sequence[Mapping]]) -> str:
    """Why no run fits: the smallest need of any run."""
    parts = []
    for limit, figure, name in _LIMITS:
        allowed = runs[0][0].get(limit)
        if allowed is None:
            continue
        needed = [[row.get(figure) for row in rows] for rows in runs]
        known = [max(one) for one in needed if None not in one]
        least = f"{min(known):,} bytes of {name}" if known else f"a {name} that is not known"
        parts.append(f"{least} (available: {allowed:,})")
    return f"no net's int8 file fits into it; the lowest needs are {' and '.join(parts)}"
