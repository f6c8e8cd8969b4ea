"""A job's log: everything in the file, progress and one sentence on the terminal."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BODY = """
import logging, os, sys, warnings
from nasturtium.errors import DataError
from nasturtium.logs import Progress, job
with job(sys.argv[1]):
    logging.getLogger("nasturtium.stage").info("half way")
    logging.getLogger("other").info("library chatter")
    warnings.warn("careful")
    print("printed by a library")
    os.write(2, b"written by C++ code\\n")
    {end}
"""


def run(tmp_path, end: str):
    log = tmp_path / "job.log"
    done = subprocess.run(
        [sys.executable, "-c", BODY.format(end=end), str(log)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done, log.read_text()


def test_everything_is_in_the_file_and_only_progress_on_the_terminal(tmp_path):
    done, log = run(tmp_path, "pass")
    assert done.returncode == 0
    for text in (
        "half way",
        "library chatter",
        "careful",
        "printed by a library",
        "written by C++ code",
    ):
        assert text in log
    assert done.stdout == ""
    assert done.stderr == "  half way\n"


def test_an_explained_error_is_one_sentence_without_a_traceback(tmp_path):
    done, log = run(tmp_path, "raise DataError('x.gz: is broken; mend it.')")
    assert done.returncode == 1
    assert done.stderr.endswith("  x.gz: is broken; mend it.\n")
    assert "x.gz: is broken; mend it." in log
    assert "Traceback" not in log + done.stderr


def test_a_defect_leaves_its_traceback_in_the_log(tmp_path):
    done, log = run(tmp_path, "1 / 0")
    assert done.returncode == 1
    assert "Traceback" in log
    assert "ZeroDivisionError" in log
    assert "the traceback is in" in done.stderr


@pytest.mark.parametrize("number", [6, 11])
def test_a_crash_of_native_code_leaves_a_traceback_too(tmp_path, number):
    done, log = run(tmp_path, f"os.kill(os.getpid(), {number})")
    assert done.returncode == -number
    assert "Fatal Python error" in log
