"""A machine without enough resources: one sentence with the remedy, and no half-written file."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

TARGET = "results/data/digits/features.npy"


@contextmanager
def mounted(folder: Path, options: str):
    """A small file system of its own in ``folder``."""
    folder.mkdir(exist_ok=True, parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "nasturtium-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a file system can't be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def files(folder: Path) -> list[str]:
    # Which study's results lie there is noted before the first job.
    found = (path.name for path in folder.rglob("*") if path.is_file())
    return [name for name in found if name != "study.json"]


def test_a_full_disk(project):
    with mounted(project.path("results"), "size=64k"):
        done = project.snakemake(TARGET)
        assert files(project.path("results")) == []
    assert done.returncode != 0
    assert (
        f"{TARGET} could not be written: the disk is full; free some space, and run the same "
        "command again." in done.stderr
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert project.snakemake(TARGET).returncode == 0


def test_a_folder_that_is_read_only(project):
    with mounted(project.path("results"), "ro,size=64k"):
        done = project.snakemake(TARGET)
    assert done.returncode != 0
    assert "Failed to create output directory results/data/digits" in done.stderr
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_limit_of_file_sizes(project):
    command = [sys.executable, "-m", "snakemake", TARGET, "--cores", "1"]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 64; exec "$@"', "bash", *command],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"{TARGET} could not be written: it would exceed the limit for file sizes" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert files(project.path("results")) == []


def test_a_full_folder_of_temporary_files_stops_nothing(project):
    full = project.path("tmp")
    with mounted(full, "size=4k"):
        (full / "fill").write_bytes(b"x" * 4096)
        # With another of that size: the file system's own overhead differs between kernels.
        with pytest.raises(OSError, match="No space left"):
            (full / "more").write_bytes(b"x" * 4096)
        done = project.snakemake(TARGET, environment={"TMPDIR": str(full)})
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_job_that_the_kernel_ends_for_lack_of_memory(project):
    script = project.path("workflow/scripts/prepare_data.py")
    script.write_text("import os\nos.kill(os.getpid(), 9)\n")
    done = project.snakemake(TARGET)
    assert done.returncode != 0
    assert "A job was ended by SIGKILL, most likely for lack of memory; give it" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_an_allocation_that_fails(project):
    # Enough for Snakemake and the interpreter, not to map the largest of TensorFlow's libraries.
    # With some more, what fails first is chance, and may be CPython's own import.
    command = [sys.executable, "-m", "snakemake", "results/digits/seed0/baseline/model.keras"]
    done = project.snakemake("results/data/digits/seed0.split.npz")
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        ["bash", "-c", 'ulimit -v 1300000; exec "$@"', "bash", *command, "--cores", "1"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "There is too little memory for this job" in done.stderr
    assert "run the same command again." in done.stderr
    assert files(project.path("results/digits")) == []
