"""Slurm for the tests, and the project on it with the shipped profile."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, missing
from tests.workflow.conftest import Project

# What a user of this cluster would set: it has no accounting, so no sacct, and its jobs are short.
OPTIONS = [
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "5"),
]


class SlurmProject(Project):
    """A copy of the project whose jobs run on a cluster."""

    def __init__(self, folder: Path, cluster: Cluster):
        super().__init__(folder)
        self.cluster = cluster
        self._started: list[subprocess.Popen] = []

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake with the shipped profile and the tiny configuration."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "tiny.yaml"]
        command += ["--workflow-profile", "profiles/slurm", *OPTIONS]
        variables = {k: v for k, v in os.environ.items() if not k.startswith("NASTURTIUM")}
        variables |= self.cluster.environment | {"XDG_CACHE_HOME": str(self.folder / ".cache")}
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def stop(self) -> None:
        """Leave no Snakemake behind, as a test that failed would."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def run(self, *arguments: str) -> str:
        """The output of Snakemake, which has to end well."""
        process = self.start(*arguments)
        output, _ = process.communicate()
        assert process.returncode == 0, output + self.cluster.logs()
        return output

    def job_of(self, rule: str) -> str | None:
        """Slurm's number of the running job of ``rule``, whose wildcards may follow its name."""
        for line in self.cluster.run("squeue", "--noheader", "--format=%i %T %k").splitlines():
            number, state, comment = line.split(maxsplit=2)
            if state == "RUNNING" and re.match(rf"rule_{rule}(_wildcards|$)", comment):
                return number
        return None

    def wait_for(self, condition, process: subprocess.Popen, within_s: float = 600.0):
        """What ``condition`` gives as soon as that is true, while ``process`` runs."""
        deadline_s = time.monotonic() + within_s
        while not (found := condition()):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline_s, self.cluster.logs()
            time.sleep(0.1)
        return found


@pytest.fixture(scope="module")
def slurm_project(cluster, tmp_path_factory):
    """A copy of the project on the cluster, for the tests of a module."""
    project = SlurmProject(tmp_path_factory.mktemp("slurm") / "project", cluster)
    yield project
    project.stop()


@pytest.fixture(scope="session")
def cluster():
    """A running Slurm; its tests are skipped if it can't run."""
    reason = missing()
    if reason is None and importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        reason = "the Slurm executor is not installed: uv sync --extra slurm"
    if reason is not None:
        pytest.skip(f"no Slurm for this test: {reason}")
    # A time limit ends the tests by this signal; the daemons must not outlive them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Not pytest's folder: the path of Munge's socket would be too long.
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
