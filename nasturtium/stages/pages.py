"""Stage ``pages``: the report's tables as pages for a browser."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.records.atomic import atomic_path
from nasturtium.records.parquet import read_rows
from nasturtium.report.pages import about_page, cost_page, summary_page


def run(summary: str | Path, folder: str | Path, config: Mapping) -> None:
    """Write ``summary.html``, ``cost.html`` and ``about.html`` to ``folder``.

    Parameters
    ----------
    config
        The resolved configuration, shown as it is.
    """
    rows = read_rows(summary)
    pages = {
        "summary": summary_page(rows),
        "cost": cost_page(rows),
        "about": about_page(rows, config),
    }
    for name, text in pages.items():
        with atomic_path(Path(folder) / f"{name}.html") as temporary:
            temporary.write_text(text)
