"""A project with a generated study, in the state in which Snakemake would leave it."""

import os
import shutil
from pathlib import Path

import yaml

from nasturtium.records.atomic import atomic_path
from nasturtium.records.checksums import write_json
from nasturtium.records.latency import LATENCY
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import PICKS, Run
from nasturtium.report.summary import readable
from tests.generated_study import CONTROLS, summarised, write_study, write_summary
from tests.workflow.conftest import Project


def generated_project(
    folder: Path,
    *,
    seeds: int,
    ratios: list[float],
    trials: int,
    datasets: tuple[str, ...] = ("digits",),
) -> Project:
    """A copy of the project with every file but figures and pages; models are empty files."""
    project = Project(folder)
    pruning = {"methods": ["magnitude", "channels"], "ratios": ratios, "controls": CONTROLS}
    config = {
        "datasets": list(datasets),
        "seeds": list(range(seeds)),
        "pruning": pruning,
        "per_dataset": {name: {"pruning": pruning} for name in datasets},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    results = folder / "results"
    rows = []
    for name in datasets:
        of_values = name == "diabetes"
        rows += write_study(
            results, name, seeds=seeds, ratios=ratios, trials=trials, regression=of_values
        )
    summary = write_summary(results, rows)
    with atomic_path(summary.with_suffix(".md")) as temporary:
        temporary.write_text(readable(summarised(rows)))
    (results / "verdict.txt").touch()
    ages = {name: 9 for name in ("features.npy", "targets.npy", "order.npy", "dataset.json")}
    ages |= {f"seed{seed}.split.{kind}": 8 for seed in range(seeds) for kind in ("npz", "json")}
    for name in datasets:
        (results / name / "verdict.md").touch()
        _write_data(results / "data" / name, ages, seeds, classes=None if name == "diabetes" else 2)
        for seed in range(seeds):
            path = results / f"{name}/seed{seed}/latency.parquet"
            write_table(path, LATENCY, [], code="generated")
    for row in rows:
        run = Run(row["dataset"], row["seed"], row["run"])
        place = results / run.dataset / f"seed{run.seed}" / run.name
        (place / "model.keras").touch()
        (place / "predictions.parquet").touch()
        (place / "lite.parquet").touch()
        if run.is_compacted:
            (place / "compaction.parquet").touch()
        if run.is_search:
            for pick in PICKS:
                # Only the search has the table of trials.
                picked, alone = f"{place.name}-{pick}", shutil.ignore_patterns("trials.parquet")
                shutil.copytree(place, place.with_name(picked), ignore=alone)
    _age(results, ages)
    return project


def _write_data(data: Path, ages: dict[str, int], seeds: int, classes: int | None) -> None:
    data.mkdir(parents=True)
    for name in ages:
        (data / name).touch()
    description = {"input_shape": [8, 8, 1], "classes": classes, "class_names": None}
    write_json(data / "dataset.json", {"samples": 99, "description": description})
    part = {"samples": 33, "label_counts": [16, 17] if classes else None}
    for seed in range(seeds):
        card = {"seed": seed, "train": part, "validation": part, "test": part}
        write_json(data / f"seed{seed}.split.json", card)


# Seconds by which a stage's files are older than the summary.
_STAGES = {"baseline": 7, "baseline_longer": 6, "pruned": 6, "nas": 6, "nas_with_pruning": 6}


def _age(results: Path, ages: dict[str, int]) -> None:
    now = (results / "summary.parquet").stat().st_mtime
    for path in results.rglob("*"):
        if path.is_file():
            parts = path.relative_to(results).parts
            if parts[0] == "data":
                older = ages[parts[-1]]
            elif path.name == "latency.parquet":
                older = 1
            elif path.name in ("metrics.parquet", "predictions.parquet", "lite.parquet"):
                older = 2
            else:
                older = _STAGES.get(parts[2], 5) if len(parts) > 2 else 0
            os.utime(path, (now - older, now - older))
