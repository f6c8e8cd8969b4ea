"""Every command in README and docs can be run; long ones are only dry runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import nasturtium
from tests.generated_study import write_study, write_summary
from tests.workflow.conftest import ROOT, Project

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "config/README.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
STARTS = ("snakemake ", "make ", "uv ", "python ", ".ci/run", "CUDA_VISIBLE_DEVICES=")

# What stands on the path in the commands' places: Snakemake plans only, make prints only, and of a
# Python module or file it is enough that there is one.
STUBS = {
    "snakemake": """
case " $* " in
    *" --report "*) ;;  # the browser's tests build one
    *) {python} -m snakemake --dry-run "$@" ;;
esac""",
    "make": '/usr/bin/env -u MAKEFLAGS {make} --dry-run "$@"',
    "uv": 'if [ "$1" = run ]; then shift; "$@"; fi',
    "python": """
if [ "$1" = -m ]; then
    {python} -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$2') is None)"
elif [ "$1" != -c ]; then
    # A file that is run by its path does not find the package, which is not installed.
    test -f "$1" && ! grep -qE "^(import|from) (nasturtium|tests|benchmarks)" "$1"
fi""",
    "pytest": "",
    "apt-get": "",
}


def fenced(page: Path, *languages: str) -> list[str]:
    """The blocks of ``page`` in one of the languages."""
    blocks = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [body for language, body in blocks if language in languages]


def commands() -> list[tuple[str, str]]:
    """Page and command, of blocks and of the text."""
    found = []
    for page in PAGES:
        lines = []
        for block in fenced(page, "", "sh", "bash"):
            lines += block.replace("\\\n", " ").splitlines()
        prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        lines += re.findall(r"`([^`\n]+)`", prose)
        lines = [re.sub(r"\s+#.*", "", line).strip() for line in lines]
        # A name alone, as in "the Snakefile of snakemake", is no command.
        found += [(page.name, line) for line in lines if line.startswith(STARTS)]
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("documented") / "project")
    for name in ("Makefile", "pyproject.toml", "uv.lock", ".ci", "benchmarks", "tests"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, project.path(name))
    for path in ROOT.glob("config/*.yaml"):
        for own in yaml.safe_load(path.read_text()).get("own_datasets", {}).values():
            # The user's own files: that they are there is all that planning looks at.
            for name in (own["path"], own.get("test_path")):
                if name is not None:
                    project.path(name).parent.mkdir(parents=True, exist_ok=True)
                    project.path(name).touch()
    stubs = project.path("stubs")
    stubs.mkdir()
    for name, body in STUBS.items():
        text = body.replace("{python}", sys.executable)
        text = text.replace("{make}", shutil.which("make") or "false")
        (stubs / name).write_text(f"#!/bin/bash\nset -e\n{text}\n")
        (stubs / name).chmod(0o755)
    return project


def test_commands_are_found():
    found = [command for _, command in commands()]
    assert "make study" in found
    assert any(command.startswith("snakemake --cores 1 --configfile") for command in found)
    assert len(found) > 15


@pytest.mark.long
@pytest.mark.parametrize(("page", "command"), commands())
def test_a_documented_command_works(project, page, command):
    path = f"{project.path('stubs')}:/usr/bin:/bin"
    if "profiles/slurm" in command:
        pytest.importorskip("snakemake_executor_plugin_slurm", reason="uv sync --extra slurm")
    environment = {"PATH": path, "HOME": str(project.folder), "PYTHONPATH": str(project.folder)}
    if command.startswith(".ci"):
        command = f"test -x {command}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{page}: {command}\n{done.stdout}{done.stderr}"


def test_python_of_the_readme_works(tmp_path, monkeypatch, capsys):
    pytest.importorskip("duckdb")
    rows = write_study(tmp_path / "results", seeds=1, ratios=[0.5], trials=2, epochs=2)
    write_summary(tmp_path / "results", rows)
    monkeypatch.chdir(tmp_path)
    asked = []
    for name in ("load_model", "load_predictor"):
        monkeypatch.setattr(nasturtium, name, asked.append, raising=False)
    blocks = fenced(ROOT / "README.md", "python")
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert "baseline" in capsys.readouterr().out
    assert asked == ["digits/seed0/pruned/channels-0.50"] * 2


def test_files_that_the_readme_names_are_written(project):
    """The table lists exactly the output files of the rules."""
    table = (ROOT / "README.md").read_text().partition("## What comes out")[2].partition("\n## ")[0]
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    written = {Path(name).name for name in re.findall(r'"(results/[^"]+)"', rules)}
    # Functions of the rules name files of a run in Python's own way.
    written = {name for name in written if "{wildcards" not in name}
    for name in sorted(written):
        if name.endswith((".svg", ".html")):
            assert f"*{Path(name).suffix}" in table, name
        else:
            assert name in table, name
    for image in re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / image).is_file(), image
