"""Runs every command of docs/deploying.md in a finished study."""

import importlib.util
import subprocess
import sys

import pytest

from tests.workflow.conftest import ROOT
from tests.workflow.test_documented_commands import fenced

PAGE = ROOT / "docs/deploying.md"
RUN = "results/digits/seed0/pruned/channels-0.50"


@pytest.mark.long
def test_all_commands_of_the_page_work_one_after_the_other(finished):
    folder = finished.path("bin")
    folder.mkdir(exist_ok=True)
    for name, command in (
        ("python", f'{sys.executable} "$@"'),
        ("snakemake", f'{sys.executable} -m snakemake "$@" --configfile tiny.yaml'),
    ):
        (folder / name).write_text(f"#!/bin/bash\n{command}\n")
        (folder / name).chmod(0o755)
    has_onnx = all(map(importlib.util.find_spec, ("tf2onnx", "onnxruntime")))
    lines = [line for block in fenced(PAGE, "") for line in block.splitlines()]
    said = {}
    for line in lines:
        if "model.onnx" in line and not has_onnx:
            continue
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=finished.folder,
            env={
                "PATH": f"{folder}:/usr/bin:/bin",
                "HOME": str(finished.folder),
                "PYTHONPATH": str(finished.folder),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said[line] = done.stdout
    assert len(said) >= 8
    of_int8, of_keras = (
        said[line].splitlines() for line in lines if "predict" in line and "-m" in line
    )
    assert of_int8[0] == of_keras[0] == "prediction,probability"
    assert len(of_int8) == len(of_keras) == 6
    for name in ("model_int8.h", "predict.cc"):
        assert finished.path("firmware", name).is_file()
    assert "| `model_int8.tflite` |" in finished.path(RUN, "deployed/card.md").read_text()
    (block,) = fenced(PAGE, "python")
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=finished.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "(5, 10)" in done.stdout
