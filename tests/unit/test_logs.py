"""A job's log: everything in the file, progress and one sentence on the terminal."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BODY = """
import logging, os, sys, warnings
from nasturtium.errors import DataError
from nasturtium.jobs.logs import Progress, logged
with logged(sys.argv[1]):
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


def test_a_job_waits_for_the_one_that_an_earlier_run_left(tmp_path):
    code = BODY.format(end="os.write(ready, b'began'); import time; time.sleep(1.5)")
    code = "import os; ready = os.dup(1)\n" + code
    command = [sys.executable, "-c", code, str(tmp_path / "job.log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as first:
        assert first.stdout.read(5) == b"began"
        done, log = run(tmp_path, "pass")
        assert first.poll() == 0
    assert done.returncode == 0
    assert f"Waiting for process {first.pid} on " in log
    assert "which still runs this job." in done.stderr


def test_a_job_does_not_wait_for_ever(tmp_path):
    body = BODY.replace("logged(sys.argv[1])", "logged(sys.argv[1], wait_s=0.2)")
    code = body.format(end="os.write(ready, b'began'); import time; time.sleep(60)")
    code = "import os; ready = os.dup(1)\n" + code
    command = [sys.executable, "-c", code, str(tmp_path / "job.log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as first:
        assert first.stdout.read(5) == b"began"
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        first.kill()
    assert second.returncode == 1
    assert f"process {first.pid} on " in second.stderr
    assert "still writes what this job makes, after 0.2 s; stop it" in second.stderr


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ("raise MemoryError", "There is too little memory for this job (an allocation failed);"),
        ("bytearray(2**62)", "There is too little memory for this job (an allocation failed);"),
        (
            "raise type('ResourceExhaustedError', (Exception,), {})('OOM when allocating')",
            "There is too little memory for this job (OOM when allocating);",
        ),
        (
            "raise ImportError('libx.so: failed to map segment from shared object')",
            "There is too little memory for this job (libx.so: failed to map segment from shared",
        ),
        (
            "raise OSError(28, 'No space left on device', 'results/a.parquet')",
            "results/a.parquet could not be written: the disk is full; free some space, and run",
        ),
        ("raise OSError(122, 'Quota')", "A file could not be written: the disk quota is used up"),
        (
            "raise OSError(30, 'Read-only', 'results/a')",
            "results/a could not be written: the file system is read-only; make it writable,",
        ),
        ("raise PermissionError(13, 'No', 'results/a')", "results/a could not be written: its"),
    ],
)
def test_what_a_machine_lacks_is_one_sentence_and_no_defect(tmp_path, end, sentence):
    done, log = run(tmp_path, end)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "run the same command again." in done.stderr
    assert "defect" not in log + done.stderr
    assert "Traceback" not in done.stderr
    # For whoever wants to know more.
    assert "Traceback" in log
