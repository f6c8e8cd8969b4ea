"""A part of the kill matrix; ``python -m tests.kill_matrix`` runs all of it."""

import subprocess
import sys

import pytest

from tests.workflow.conftest import ROOT


@pytest.mark.long
def test_a_search_survives_that_its_snakemake_is_killed(tmp_path):
    options = ["--moments", "1", "--stages", "nas", "--receivers", "snakemake", "--seed", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.kill_matrix", "--signals", "SIGKILL", *options],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 kills survived" in done.stdout
