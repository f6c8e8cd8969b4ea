"""Stage ``pages``: the one page of the study, and the report's tables as pages for a browser."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from nasturtium.records.atomic import atomic_path
from nasturtium.records.checksums import read_json
from nasturtium.records.parquet import read_rows
from nasturtium.report import index
from nasturtium.report.data_page import data_sets
from nasturtium.report.html import page
from nasturtium.report.pages import about, cost, summary_table


def run(
    summary: str | Path,
    figures: Sequence[str | Path],
    index_path: str | Path,
    front_path: str | Path,
    folder: str | Path,
    config: Mapping,
    cards: Sequence[str | Path],
    splits: Sequence[str | Path],
    failed: Sequence[str] = (),
) -> None:
    """Write ``index.html``, the report's front, and ``summary``, ``data``, ``cost``, ``about``.

    Parameters
    ----------
    figures
        SVG files, ``results/{dataset}/figures/{name}.svg``.
    index_path
        The one page, self-contained.
    front_path
        Its first part, for Snakemake's report.
    folder
        Of the other four pages.
    config
        The resolved configuration, shown as it is.
    cards, splits
        ``dataset.json`` of every data set and ``seed{seed}.split.json`` of every seed, each in its
        data set's folder.
    failed
        A sentence for each job that failed, whose results are missing here.
    """
    rows = read_rows(summary)
    drawn: dict[str, dict[str, Path]] = {dataset: {} for dataset in config["datasets"]}
    for path in map(Path, figures):
        drawn.setdefault(path.parents[1].name, {})[path.stem] = path
    bodies = {
        "summary": ("Summary: every run", summary_table(rows)),
        "data": ("Data", data_sets(*_by_dataset(cards, splits))),
        "cost": ("What did it cost", cost(rows)),
        "about": ("How it was made", about(rows, config)),
    }
    for name, (title, body) in bodies.items():
        _write(Path(folder) / f"{name}.html", page(title, body))
    _write(Path(front_path), index.report_front(rows, drawn, failed))
    _write(Path(index_path), index.index_page(rows, drawn, dict(bodies.values()), failed))


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _by_dataset(
    cards: Sequence[str | Path], splits: Sequence[str | Path]
) -> tuple[dict[str, Mapping], dict[str, list[Mapping]]]:
    of_dataset = {Path(path).parent.name: read_json(path) for path in cards}
    of_seeds = defaultdict(list)
    for path in splits:
        of_seeds[Path(path).parent.name].append(read_json(path))
    return of_dataset, of_seeds
