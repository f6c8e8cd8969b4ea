"""Paths from which Snakemake can't start jobs are refused before anything is planned."""

import shlex
import subprocess
import sys

import pytest

from nasturtium.errors import ConfigError
from nasturtium.settings import clone_path


@pytest.mark.parametrize(
    "name", ["a b", "it's", 'q"q', "d$HOME", "e(f)", "a;b", "a&b", "a\tb", "`"]
)
def test_a_python_that_the_shell_would_not_find_is_refused(name):
    with pytest.raises(ConfigError, match=r"^Python lies at .*; move it, or create the virtual"):
        clone_path.check(f"/home/me/{name}/.venv/bin/python", "/home/me/study")


@pytest.mark.parametrize("name", ["b{x}", "b}"])
def test_braces_in_the_study_s_path_are_refused(name):
    with pytest.raises(
        ConfigError, match=f"^The study lies in .* if this path contains '{name[1]}'"
    ):
        clone_path.check("/usr/bin/python", f"/home/me/{name}")


@pytest.mark.parametrize("name", ["plain", "ü", "温度", "c,d", "t~t", "h#h", "p%p", "a+b=c@d:1"])
def test_what_works_is_not_refused(tmp_path, name):
    python = tmp_path / name / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    clone_path.check(str(python), "/home/me/with a blank")
    # As Snakemake does it.
    done = subprocess.run(
        f"{python} -c {shlex.quote('print(1)')}",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1\n"
