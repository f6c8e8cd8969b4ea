"""Energy of a window that another process wrote."""

import os

from nasturtium.metering.accounting import WindowEnergy, total
from nasturtium.records.parquet import read_rows


def stored_energy(path: str | os.PathLike, kind: str) -> WindowEnergy:
    """The energy of the one window of ``kind`` in an ``energy.parquet``: its job, or its fit.

    Raises
    ------
    ValueError
        The file has no window of that kind, or several.
    """
    rows = [row for row in read_rows(path) if row["kind"] == kind]
    if len({row["window_id"] for row in rows}) != 1:
        raise ValueError(f"{path} does not have exactly one window of kind '{kind}'")
    return total(rows)
