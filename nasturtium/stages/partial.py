"""The results of a study in which jobs failed: summary, verdicts, figures and pages of the rest.

Snakemake makes these files only when every run is finished. Here they are made from the finished
runs, with old dates, so that the next Snakemake considers them outdated and makes them again.

The plan, arguments of :func:`run`, is read from stdin as JSON.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nasturtium.report import style
from nasturtium.stages import figures, pages, summarise

# One second after the epoch: older than any input. Some file systems do not store zero.
_LONG_AGO = (1, 1)


def run(
    metrics: Sequence[str],
    latencies: Sequence[str],
    figure_paths: Sequence[str],
    cards: Sequence[str],
    splits: Sequence[str],
    failed: Sequence[str],
    config: Mapping,
    devices: Mapping,
    code: str,
) -> bool:
    """Make everything from the finished runs; False if no run has been measured.

    Parameters
    ----------
    metrics
        ``metrics.parquet`` of every run that was made by this configuration; others are skipped.
    latencies
        ``latency.parquet`` of every data set and seed; missing ones are skipped.
    figure_paths
        ``results/{dataset}/figures/{name}.svg`` of every data set.
    cards, splits
        Cards of every data set and of every seed's split; missing ones are skipped.
    devices
        As :func:`nasturtium.stages.summarise.run` takes them.
    failed
        A sentence for each job that failed, for the page.
    """
    there = [path for path in metrics if Path(path).is_file()]
    if not there:
        return False
    results = Path("results")
    summary, written = results / "summary.parquet", []
    verdicts = [results / dataset / "verdict.md" for dataset in config["datasets"]]
    outputs = [summary, results / "summary.md", results / "verdict.txt"]
    summarise.run(
        there,
        predictions=[_beside(path, "predictions.parquet") for path in there],
        trials=[t for path in there if Path(t := _beside(path, "trials.parquet")).is_file()],
        latencies=[path for path in latencies if Path(path).is_file()],
        table=outputs[0],
        text=outputs[1],
        answer=outputs[2],
        verdicts=verdicts,
        devices=devices,
        code=code,
    )
    written += [*outputs, *verdicts]
    measured = {Path(path).parts[1] for path in there}
    for dataset in config["datasets"]:
        drawn = [Path(path) for path in figure_paths if Path(path).parts[1] == dataset]
        if dataset in measured:
            figures.run(dataset, summary=summary, folder=drawn[0].parent)
        else:
            for path in drawn:
                style.save_sentence("No run of it has been measured.", path, dataset)
        written += drawn
    page, front, folder = results / "index.html", results / "report/front.html", results / "report"
    pages.run(
        summary,
        figure_paths,
        page,
        front,
        folder,
        config,
        cards=[path for path in cards if Path(path).is_file()],
        splits=[path for path in splits if Path(path).is_file()],
        failed=failed,
    )
    tables = ("summary", "data", "cost", "about")
    written += [page, front, *(folder / f"{name}.html" for name in tables)]
    _date_back(written)
    return True


def _beside(path: str, name: str) -> str:
    return str(Path(path).with_name(name))


def _date_back(paths: Iterable[Path]) -> None:
    for path in paths:
        os.utime(path, _LONG_AGO)


if __name__ == "__main__":
    sys.exit(0 if run(**json.load(sys.stdin)) else 3)
