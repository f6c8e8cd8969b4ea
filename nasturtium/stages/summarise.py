"""Stage ``summary``: every ``metrics.parquet`` in one table."""

from collections.abc import Sequence
from pathlib import Path

from nasturtium.records.atomic import atomic_path
from nasturtium.records.metrics import SUMMARY
from nasturtium.records.parquet import read_rows, write_table
from nasturtium.report.spread import over_seeds
from nasturtium.report.summary import readable, with_changes, with_ratios


def run(
    metrics: Sequence[str | Path],
    predictions: Sequence[str | Path],
    table: str | Path,
    text: str | Path,
    code: str,
) -> str:
    """Write ``summary.parquet`` and ``summary.md``; the latter's text.

    ``predictions`` are the tables beside ``metrics``, in the same order.
    """
    rows = with_ratios([row for path in metrics for row in read_rows(path)])
    rows = with_changes(rows, [read_rows(path) for path in predictions])
    write_table(table, SUMMARY, rows, code=code)
    readable_table = readable(rows)
    if len({row["seed"] for row in rows}) > 1:
        readable_table += "\nMean and sample standard deviation over the seeds:\n\n"
        readable_table += over_seeds(rows)
    with atomic_path(text) as temporary:
        temporary.write_text(readable_table)
    return readable_table
