"""A project whose study was generated, as Snakemake would have left it."""

import os
import shutil
from pathlib import Path

import yaml

from nasturtium.records.atomic import atomic_path
from nasturtium.records.latency import LATENCY
from nasturtium.records.parquet import write_table
from nasturtium.records.runs import PICKS, Run
from nasturtium.records.whole import write_json
from nasturtium.report.summary import readable
from tests.generated_study import CONTROLS, summarised, write_study, write_summary
from tests.workflow.conftest import Project


def generated_project(folder: Path, *, seeds: int, ratios: list[float], trials: int) -> Project:
    """A copy of the project with every file but figures and pages; models are empty files."""
    project = Project(folder)
    pruning = {"methods": ["magnitude", "channels"], "ratios": ratios, "controls": CONTROLS}
    config = {"datasets": ["digits"], "seeds": list(range(seeds)), "pruning": pruning}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    results = folder / "results"
    rows = write_study(results, "digits", seeds=seeds, ratios=ratios, trials=trials)
    summary = write_summary(results, rows)
    with atomic_path(summary.with_suffix(".md")) as temporary:
        temporary.write_text(readable(summarised(rows)))
    for name in ("verdict.txt", "digits/verdict.md"):
        (results / name).touch()
    data = results / "data/digits"
    ages = {name: 9 for name in ("features.npy", "targets.npy", "order.npy", "dataset.json")}
    ages |= {f"seed{seed}.split.{kind}": 8 for seed in range(seeds) for kind in ("npz", "json")}
    for name in ages:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    description = {"input_shape": [8, 8, 1], "classes": 2, "class_names": None}
    write_json(data / "dataset.json", {"samples": 99, "description": description})
    part = {"samples": 33, "label_counts": [16, 17]}
    for seed in range(seeds):
        card = {"seed": seed, "train": part, "validation": part, "test": part}
        write_json(data / f"seed{seed}.split.json", card)
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
                shutil.copytree(place, place.with_name(f"{place.name}-{pick}"))
    for seed in range(seeds):
        path = results / f"digits/seed{seed}/latency.parquet"
        write_table(path, LATENCY, [], code="generated")
    _age(results, ages)
    return project


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
