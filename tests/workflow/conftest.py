"""Real Snakemake runs, in copies of the project, on tiny budgets."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "envs", "nasturtium", "profiles", "workflow")

TINY = {
    "datasets": ["digits"],
    "training": {"epochs": 3},
    "pruning": {"methods": ["magnitude", "channels"], "ratios": [0.5], "epochs": 4},
    "search": {
        "picks": [],
        "trials": 2,
        "epochs": 4,
        "filters": [4, 8],
        "units": [8, 16],
        "conv_blocks": [1],
        "dense_layers": [1],
        "pruning_ratios": [0.3],
        "latency_runs": 5,
    },
    "measure": {"warm_up_runs": 1, "latency_runs": 20, "throughput_runs": 3},
}


class Project:
    """A copy of the project, and Snakemake in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                # With its bytecode, which is as old as its source: seconds for each copy.
                shutil.copytree(source, folder / part)
            else:
                shutil.copy(source, folder / part)
        self.configure(TINY)

    def configure(self, config: dict) -> None:
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(config))

    def snakemake(self, *arguments: str, environment: dict | None = None, cores: int = 1):
        """Run with the tiny configuration; both outputs as text."""
        command = [sys.executable, "-m", "snakemake", *arguments]
        command += ["--cores", str(cores), "--configfile", "tiny.yaml"]
        variables = {k: v for k, v in os.environ.items() if not k.startswith("NASTURTIUM")}
        variables["XDG_CACHE_HOME"] = str(self.folder / ".cache")
        variables["NASTURTIUM_RETRY_S"] = ""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**variables, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs by rule that a dry run plans."""
        done = self.snakemake("-n", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        table = (done.stdout + done.stderr).partition("Job stats:")[2].partition("total")[0]
        return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}

    def path(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)


@pytest.fixture
def project(tmp_path) -> Project:
    """A fresh copy without results."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A copy in which the tiny study has run; its tests put back what they change."""
    project = Project(tmp_path_factory.mktemp("study") / "project")
    done = project.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    project.output = done.stdout + done.stderr
    return project
