"""A job runs what was planned, or ends with a sentence: code, inputs, configuration."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasturtium.errors import JobError
from nasturtium.jobs import provenance

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from types import SimpleNamespace
sys.path.insert(0, ".")
from nasturtium.digest import stage_digest
from nasturtium.jobs import provenance
from nasturtium.jobs.script import planned

provenance.announce_package("workflow/scripts")
{before}
snakemake = SimpleNamespace(
    log=["job.log"],
    input=["input.txt"],
    params=SimpleNamespace(code={code!r}),
    resources={{"runtime": {runtime_min}}},
    scriptdir="workflow/scripts",
)
with planned(snakemake, "split_data"):
    {body}
    open("output.txt", "w").write("made")
"""
EDIT = "open({path!r}, 'a').write({text!r})"
LATE = "nasturtium/data/splits.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package in a study's folder, and the digest of a stage in the plan."""
    folder = tmp_path_factory.mktemp("study")
    for part in ("nasturtium", "workflow"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "input.txt").write_text("data")
    code = "from nasturtium.digest import stage_digest as d; print(d('split_data', {!r}))"
    done = run(folder, code.format("workflow/scripts"))
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.strip()


@pytest.fixture
def job(package):
    """Runs a job; the files are put back afterwards."""
    folder, planned = package
    kept = {path: path.read_bytes() for path in folder.rglob("*.py")}
    kept[folder / "input.txt"] = b"data"

    def go(before="pass", body="pass", runtime_min=None):
        (folder / "output.txt").unlink(missing_ok=True)
        parts = {"before": before, "body": body, "runtime_min": runtime_min}
        return run(folder, SCRIPT.format(**parts, code=planned))

    yield go
    for path, content in kept.items():
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


def run(folder, code):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
    )


def edit(path=LATE, text="LATER = 1\n"):
    return EDIT.format(path=path, text=text)


USE = "from nasturtium.data import splits"


def test_a_job_of_the_planned_code_ends_well(job, package):
    done = job(body=USE)
    assert (done.returncode, done.stderr) == (0, "")
    assert (package[0] / "output.txt").exists()


def test_code_that_was_changed_after_the_plan_makes_nothing(job, package):
    done = job(before=edit())
    assert done.returncode == 1
    assert done.stderr.strip().startswith(
        "The code of this stage was changed after this run was planned (the latest change is in "
    )
    assert LATE in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (package[0] / "output.txt").exists()


@pytest.mark.parametrize("path", ["workflow/scripts/split_data.py", "nasturtium/errors.py"])
def test_nor_does_another_script_or_what_was_imported_before(job, path):
    done = job(before=edit(path))
    assert done.returncode == 1
    assert path in done.stderr


def test_code_that_is_changed_before_it_is_imported_makes_nothing(job, package):
    done = job(body=f"{edit()}\n    {USE}")
    assert done.returncode == 1
    assert f"{LATE}: was changed while this job ran" in done.stderr
    assert not (package[0] / "output.txt").exists()


def test_code_that_is_changed_once_it_is_imported_changes_no_result(job):
    done = job(body=f"{USE}\n    {edit()}")
    assert (done.returncode, done.stderr) == (0, "")


def test_comments_and_other_stages_may_be_changed(job):
    change = f"{edit(text='# a comment')}; {edit('nasturtium/stages/pruned.py')}"
    done = job(before=change)
    assert (done.returncode, done.stderr) == (0, "")
    done = job(body=f"{edit(text='# another')}\n    {USE}")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_compiled_file_of_other_code_is_not_run(job, package):
    # With the same size and second, Python takes the old compiled file for the new source's.
    folder, _ = package
    source = folder / LATE
    was, stat = source.read_text(), source.stat()
    source.write_text(was.replace('"validation", "test")', '"validation", "tset")'))
    assert source.stat().st_size == stat.st_size
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run(folder, USE).returncode == 0
    source.write_text(was)
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    stale = "print('tset' in str(splits.split_card.__code__.co_consts))"
    assert run(folder, f"{USE}\n{stale}").stdout == "True\n"
    done = job(body=f"{USE}\n    assert 'tset' not in str(splits.split_card.__code__.co_consts)")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "change", ["open('input.txt', 'a').write('x')", "__import__('os').remove('input.txt')"]
)
def test_an_input_that_is_changed_meanwhile_fails_the_job(job, change):
    done = job(body=change)
    assert done.returncode == 1
    assert "input.txt: was changed while this job read it" in done.stderr


def test_a_job_keeps_to_its_runtime_on_one_machine_too(job, package):
    done = job(body="__import__('time').sleep(60)", runtime_min=0.02)
    assert done.returncode == 1
    assert (
        "Ended, as it ran for longer than its resource runtime, 0.02 minutes; give it more "
        "(--set-resources), and run the same command again."
    ) in (package[0] / "job.log").read_text()
    assert not (package[0] / "output.txt").exists()


def test_a_job_that_plans_anew_is_held_to_the_plan(monkeypatch):
    monkeypatch.delenv(provenance.PLAN, raising=False)
    provenance.announce_plan("a cluster hands on no environment", is_main=False)
    provenance.announce_plan("epochs: 3", is_main=True)
    provenance.announce_plan("epochs: 3", is_main=False)
    with pytest.raises(JobError, match="configuration or the code was changed after this run was"):
        provenance.announce_plan("epochs: 4", is_main=False)
    provenance.announce_plan("epochs: 4", is_main=True)


def test_every_script_is_held_to_the_code_that_its_rule_plans():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    planned = {}
    for rule in re.split(r"^(?=rule |use rule )", rules, flags=re.MULTILINE):
        script = re.search(r"scripts/(\w+)\.py", rule)
        code = re.search(r"code=stage_code\(\"(\w+)\"\)", rule)
        assert bool(script) <= bool(code), rule
        if script:
            planned[script[1]] = code[1]
    assert set(planned) == {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    for script, stage in planned.items():
        text = (ROOT / f"workflow/scripts/{script}.py").read_text()
        assert re.search(rf"with (planned|started)\(snakemake, \"{stage}\"", text), script
        assert f"from nasturtium.stages import {stage}\n" in text, script
