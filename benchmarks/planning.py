"""Time that Snakemake needs to plan a large study, and its plan after a ratio is added.

Makes a project with ten data sets of its own, ten seeds and ten pruning ratios: 1,000 runs of
``pruned`` and as many of ``nas_pruned``, with all that these need and what follows from them. Its
files are then put there empty and handed to ``snakemake --touch``, so that Snakemake has on record
what each was made from; then one ratio more is asked for. Nothing is trained.
Planning is measured in the first minute; the rest takes some ten more, since Snakemake waits a
tenth of a second for each job that it touches.

    python -m benchmarks.planning [--ratios 10] [--folder FOLDER]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config", "envs", "nasturtium", "profiles", "workflow")
DATASETS, SEEDS = 10, 10
LIMIT_S = 10.0
# What `snakemake --version` takes of the processor on an otherwise idle 2-core virtual machine. On
# a busy or slower one, planning is counted in multiples of it.
START_S = 0.75


def main() -> int:
    """Print both figures; 1 if planning takes too long or plans too much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratios", type=int, default=10, help="pruning ratios of the study")
    parser.add_argument("--folder", help="where to make the project; else a temporary folder")
    options = parser.parse_args()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="planning-"))
    try:
        return _benchmark(folder / "project", options.ratios)
    finally:
        if not options.folder:
            shutil.rmtree(folder)


def _benchmark(project: Path, ratios: int) -> int:
    _make(project, ratios)
    _, _, start_s = _run(project, "--version")
    planned, plan_s, cpu_s = _run(project, "-n")
    jobs = _jobs(planned)
    runs = jobs["measure"]
    idle_s = min(plan_s, cpu_s * START_S / start_s)
    print(f"runs: {runs:,}, of them pruned baselines: {jobs['pruned']:,}; jobs: {jobs['total']:,}")
    print(f"snakemake -n: {plan_s:.1f} s, of them on the processor {cpu_s:.1f} s")
    print(f"in multiples of a plain start, {start_s:.2f} s here: {cpu_s / start_s:.1f}")
    print(f"so on an idle machine: {idle_s:.1f} s; the limit is {LIMIT_S:.0f} s")
    _finish(project)
    again, again_s, _ = _run(project, "-n")
    done = "Nothing to be done" in again
    print(f"the same when all is done: {again_s:.1f} s, {'nothing' if done else 'something'} to do")
    _configure(project, ratios + 1)
    more, more_s, _ = _run(project, "-n")
    added = {rule: number for rule, number in _jobs(more).items() if rule != "total"}
    print(f"with one ratio more: {more_s:.1f} s, planned: {added}")
    each = DATASETS * SEEDS
    new = {"pruned": each, "nas_pruned": each, "measure": 2 * each}
    follow = {"summary": 1, "figures": DATASETS, "pages": 1, "all": 1}
    return int(idle_s > LIMIT_S or not done or added != new | follow)


def _make(project: Path, ratios: int) -> None:
    project.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, project / part)
    for number in range(DATASETS):
        rows = "".join(f"{n},{n * 7 % 11},{n % 3}\n" for n in range(100))
        (project / f"table{number}.csv").write_text(f"width,height,kind\n{rows}")
    _configure(project, ratios)


def _configure(project: Path, ratios: int) -> None:
    own = {
        f"table{number}": {
            "format": "csv",
            "path": f"table{number}.csv",
            "target": "kind",
            "task": "classification",
            "reference": {"mlp": [8]},
        }
        for number in range(DATASETS)
    }
    pruning = {
        "methods": ["channels"],
        "ratios": [round(0.05 + 0.08 * number, 2) for number in range(ratios)],
        "controls": [],
    }
    config = {
        "datasets": list(own),
        "own_datasets": own,
        "seeds": list(range(SEEDS)),
        "pruning": pruning,
    }
    (project / "study.yaml").write_text(yaml.safe_dump(config))


def _finish(project: Path) -> None:
    """Leave the project as if all had been made."""
    listed, _, _ = _run(project, "--summary")
    now_s = time.time()
    for line in listed.splitlines():
        path = project / line.split("\t")[0]
        if line.startswith("results/"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (now_s, now_s))
    _run(project, "--touch", "--forceall")


def _run(project: Path, *arguments: str) -> tuple[str, float, float]:
    """What Snakemake says on either output, and the seconds that pass and that it works."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("NASTURTIUM")}
    variables["XDG_CACHE_HOME"] = str(project / ".cache")
    command = [sys.executable, "-m", "snakemake", *arguments]
    before, start_s = os.times(), time.monotonic()
    done = subprocess.run(
        [*command, "--cores", "1", "--configfile", "study.yaml"],
        cwd=project,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    took_s, after = time.monotonic() - start_s, os.times()
    if done.returncode:
        raise SystemExit(f"snakemake {' '.join(arguments)} failed:\n{done.stdout[-3000:]}")
    worked_s = after.children_user + after.children_system
    return done.stdout, took_s, worked_s - before.children_user - before.children_system


def _jobs(planned: str) -> dict[str, int]:
    table = planned.partition("Job stats:")[2].partition("\n\n")[0]
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


if __name__ == "__main__":
    sys.exit(main())
