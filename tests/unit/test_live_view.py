"""The live view: events update its state, a terminal shows it; elsewhere there are plain lines."""

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from nasturtium.jobs import live_view as progress
from nasturtium.jobs.live_view import LiveView, State
from nasturtium.jobs.logs import LIVE_VIEW
from nasturtium.jobs.plain_view import PlainView

ROOT = Path(__file__).parents[2]

SNAKEFILE = """
rule all:
    input: "two.txt"
rule works:
    output: "{n}.txt"
    log: "{n}.log"
    script: "works.py"
"""
SCRIPT = """
from nasturtium.jobs.logs import Progress, logged, logger
import time
with logged(snakemake.log[0]):
    progress = Progress(3)
    for epoch in (1, 2, 3):
        time.sleep(0.4)
        progress.step(epoch, f"digits: epoch {epoch}/3, loss 0.1, sparsity 0.50")
    logger.info("this line stays")
    open(snakemake.output[0], "w").write("done")
"""


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now_s = 0.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now_s)
    return Clock


def test_jobs_are_counted_by_stage(clock):
    state = State()
    state.plan({"baseline": 1, "pruned": 4, "all": 1})
    assert state.remaining_s() is None
    for job in range(3):
        state.know(job, "pruned", {"dataset": "digits"})
        clock.now_s += 10
        state.finish(job) if job < 2 else state.fail(job)
    state.know(3, "pruned", None)
    assert (state.done("pruned"), state.failed["pruned"], state.left("pruned")) == (2, 1, 0)
    assert state.left("baseline") == 1


def test_the_time_left_is_what_such_jobs_took(clock):
    state = State()
    state.plan({"baseline": 1, "pruned": 3})
    state.know(0, "pruned", None)
    clock.now_s += 10
    state.finish(0)
    # Two more like it, and one of a stage that nothing is known of.
    assert state.remaining_s() == pytest.approx(30)
    state.know(1, "pruned", None)
    clock.now_s += 4
    assert state.remaining_s() == pytest.approx(26)


def test_a_job_s_steps_replace_each_other_and_its_lines_stay(clock):
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    view = LiveView(console)
    try:
        view.start()
        view.state.plan({"baseline": 1})
        view.state.know(0, "baseline", {"dataset": "digits", "seed": "0"})
        with open(os.environ[LIVE_VIEW], "a") as file:
            for text, passing in (("epoch 1/3", True), ("epoch 2/3", True), ("verified", False)):
                file.write(json.dumps({"job": 7, "text": text, "passing": passing}) + "\n")
        view._refresh()
        with console.capture() as shown:
            console.print(view.render())
        assert "baseline digits 0" in shown.get()
        assert "epoch 2/3" in shown.get()
        assert "epoch 1/3" not in shown.get()
        assert "verified" in console.file.getvalue()
    finally:
        view.close()
    assert LIVE_VIEW not in os.environ
    assert not view._lines.exists()


@pytest.fixture
def workflow(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "works.py").write_text(SCRIPT)
    path = f"{ROOT}:{ROOT / 'workflow/plugins'}"
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--logger", "nasturtium"]
    return {"args": command, "cwd": tmp_path, "env": {**environment, "TERM": "xterm"}}


def test_a_terminal_gets_the_live_view(workflow):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(**workflow, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:
        pass  # how Linux says that the other end is closed
    text = shown.decode()
    assert process.wait() == 0, text
    assert "1 of 1 jobs" in text
    assert "epoch 3/3, loss 0.1, sparsity 0.50" in text
    assert "this line stays" in text
    assert "Finished jobid" not in text


def test_a_pipe_gets_a_line_where_a_job_begins_and_one_where_it_ends(workflow):
    done = subprocess.run(**workflow, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    begin, stays, end = (
        next(i for i, line in enumerate(lines) if part in line)
        for part in ("begins  works two", "this line stays", "is done works two, 0:0")
    )
    assert begin < stays < end
    assert lines[end].endswith("(1 of 1 jobs are done)")
    # No blocks of Snakemake, no steps of a job, and no control codes of a terminal.
    for part in ("reason:", "Finished jobid", "epoch 2/3", "\x1b"):
        assert part not in done.stderr
    assert max(map(len, lines)) < 200


def test_plain_lines_say_what_all_jobs_say_once(clock, capsys):
    view = PlainView()
    view.state.plan({"baseline": 2})
    try:
        view.start()
        for job in (0, 1):
            view.state.know(job, "baseline", {"dataset": "digits", "seed": str(job)})
            view.begin(job)
            with open(os.environ[LIVE_VIEW], "a") as file:
                for text, passing in (("no energy here", False), ("epoch 2/3", True)):
                    file.write(json.dumps({"job": job, "text": text, "passing": passing}) + "\n")
            clock.now_s += 65
            view.state.finish(job) if job else view.state.fail(job)
            view.end(job, failed=not job)
    finally:
        view.close()
    shown = capsys.readouterr().err
    assert shown.count("no energy here") == 1
    assert "epoch" not in shown
    assert "FAILED  baseline digits 0, 1:05 (0 of 2 jobs are done)" in shown
    assert "is done baseline digits 1, 1:05 (1 of 2 jobs are done)" in shown
