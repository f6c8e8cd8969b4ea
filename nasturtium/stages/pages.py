"""Stage ``pages``: the one page of the study, and the report's tables as pages for a browser."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nasturtium.records.atomic import atomic_path
from nasturtium.records.parquet import read_rows
from nasturtium.report import index
from nasturtium.report.html import page
from nasturtium.report.pages import about, cost, summary_table


def run(
    summary: str | Path,
    figures: Sequence[str | Path],
    index_path: str | Path,
    front_path: str | Path,
    folder: str | Path,
    config: Mapping,
) -> None:
    """Write ``index.html``, the report's front, and ``summary``, ``cost`` and ``about.html``.

    Parameters
    ----------
    figures
        SVG files, ``results/{dataset}/figures/{name}.svg``.
    index_path
        The one page, self-contained.
    front_path
        Its first part, to be put into Snakemake's report.
    folder
        Of the other three pages.
    config
        The resolved configuration, shown as it is.
    """
    rows = read_rows(summary)
    drawn: dict[str, dict[str, Path]] = {dataset: {} for dataset in config["datasets"]}
    for path in map(Path, figures):
        drawn.setdefault(path.parents[1].name, {})[path.stem] = path
    bodies = {
        "summary": ("Summary: every run", summary_table(rows)),
        "cost": ("What did it cost", cost(rows)),
        "about": ("How it was made", about(rows, config)),
    }
    for name, (title, body) in bodies.items():
        _write(Path(folder) / f"{name}.html", page(title, body))
    _write(Path(front_path), index.report_front(rows, drawn))
    _write(Path(index_path), index.index_page(rows, drawn, dict(bodies.values())))


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text)
