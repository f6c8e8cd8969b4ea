"""Scripts in forks behave and end like scripts in separate processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nasturtium.jobs import benchmarks, forking, sharing

ROOT = Path(__file__).parents[2]

# In the place of Snakemake: starts the server, then one script after the other by a shell.
RUNNER = f"""
import os, subprocess, sys
sys.path.append({str(ROOT)!r})
from nasturtium.jobs import endings, forking
endings.announce()
forking.start({str(ROOT)!r}, wanted="ALONE" not in os.environ)
for script in sys.argv[1:]:
    command = os.environ.get("BEFORE", "") + sys.executable + " " + script
    print("status", subprocess.run(["bash", "-c", command]).returncode, flush=True)
"""
# In the place of a rule's script.
FRAME = f"""
import os, sys; sys.path.append({str(ROOT)!r})
from nasturtium.jobs import forking
said = forking.hand_over("job.log", start=not os.path.exists(sys.argv[0] + ".light"))
import json, os, signal, time
from nasturtium.jobs import endings
def end(sentence, status):
    print(sentence, flush=True)
    os._exit(status)
def tell(**more):
    told = {{"said": said, "process": os.getpid(), "parent": os.getppid(), **more}}
    print(json.dumps(told), flush=True)
"""
TELL = """
tell(
    loaded="colorsys" in sys.modules,
    signals=[str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
    mask=str(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    threads=len(os.listdir("/proc/self/task")),
    arguments=sys.argv, name=__name__, main=sys.modules["__main__"].__file__, path=sys.path,
    folder=os.getcwd(), files=sorted(os.readlink(f"/proc/self/fd/{n}") for n in (0, 1, 2)),
    environment={k: v for k, v in os.environ.items() if k != "NASTURTIUM_FORKED"},
    package=sorted(n for n in sys.modules if n.startswith("nasturtium")),
)
"""
WATCH = "endings.watch(end); tell(); time.sleep(60)"


class Runner(subprocess.Popen):
    """The runner of scripts in ``folder``."""

    def __init__(self, folder: Path, *scripts: str, **variables: str):
        folder.mkdir(exist_ok=True)
        (folder / "runner.py").write_text(RUNNER)
        names = [f"script{number}.py" for number in range(len(scripts))]
        for name, script in zip(names, scripts, strict=True):
            (folder / name).write_text(FRAME + script)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NASTURTIUM")}
        super().__init__(
            [sys.executable, "runner.py", *names],
            cwd=folder,
            env={**kept, "NASTURTIUM_FORK_MODULES": "json colorsys", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def told(self) -> dict:
        """What the next script tells."""
        return json.loads(next(line for line in self.stdout if not line.startswith("status")))

    def rest(self) -> str:
        """What it writes until it ends."""
        output = self.stdout.read()
        self.wait()
        self.stdout.close()
        return output

    def script(self) -> psutil.Process:
        """The process that Snakemake would know as the script."""
        (found,) = (
            p
            for p in psutil.Process(self.pid).children(recursive=True)
            if p.cmdline()[-1].startswith("script") and p.name() != "bash"
        )
        return found


@contextlib.contextmanager
def _running(folder: Path, script: str, **variables: str) -> Iterator[tuple[Runner, dict]]:
    runner = Runner(folder, script, **variables)
    try:
        yield runner, runner.told()
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(runner.pid).children(recursive=True):
                process.kill()
        runner.kill()
        runner.wait()
        runner.stdout.close()


def _ends(*processes: int, patience_s: float = 10.0) -> bool:
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        if not any(psutil.pid_exists(number) for number in processes):
            return True
        time.sleep(0.02)
    return False


def test_a_script_that_needs_no_tensorflow_gets_a_fork_only_where_it_is_loaded(tmp_path):
    for number in (0, 2):
        (tmp_path / f"script{number}.py.light").touch()
    runner = Runner(tmp_path, *3 * ["tell()"])
    said = [runner.told()["said"] for _ in range(3)]
    assert "does not need it" in said[0]
    assert said[1] == said[2] != said[0]
    assert "Runs in a fork of" in said[1]
    assert runner.rest() == "status 0\n"


def test_a_script_finds_in_a_fork_what_it_finds_by_itself(tmp_path):
    runner = Runner(tmp_path, TELL, TELL)
    first, second = runner.told(), runner.told()
    alone = Runner(tmp_path, TELL, ALONE="yes")
    itself = alone.told()
    assert runner.rest() + alone.rest() == "status 0\nstatus 0\n"
    assert first["parent"] == second["parent"] != itself["parent"]
    assert first["said"].startswith("Runs in a fork of process")
    assert itself["said"].endswith("not in a fork: the configuration's fork_server is false.")
    assert first["loaded"]
    assert not itself["loaded"]
    assert itself["environment"].pop("ALONE")
    for told in (first, itself):
        for name in ("said", "process", "parent", "loaded", "files"):
            del told[name]
        for name in ("NASTURTIUM_FORK_SERVER", "NASTURTIUM_SNAKEMAKE"):
            del told["environment"][name]
    assert first == itself


def test_a_script_ends_as_its_fork(tmp_path):
    endings = {
        "tell(); sys.exit(7)": 7,
        "raise ValueError('broken')": 1,
        "os.kill(os.getpid(), signal.SIGKILL)": -9,
        "os.abort()": -6,
        "os._exit(0)": 0,
    }
    output = Runner(tmp_path, *endings).rest()
    statuses = [int(line.split()[1]) for line in output.splitlines() if "status" in line]
    assert statuses == list(endings.values())
    assert "ValueError: broken" in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_script_ends_the_fork_with_its_words(tmp_path, number):
    with _running(tmp_path, WATCH) as (runner, told):
        runner.script().send_signal(number)
        output = runner.rest()
        assert f"Ended by {number.name}" in output
        assert f"status {128 + number}" in output
        assert _ends(told["process"])


def test_an_ignored_signal_stays_ignored(tmp_path):
    script = "endings.watch(end); tell(); time.sleep(1); sys.exit(3)"
    with _running(tmp_path, script, BEFORE="trap '' HUP; ") as (runner, _):
        runner.script().send_signal(signal.SIGHUP)
        assert "status 3" in runner.rest()


def test_a_fork_ends_when_its_script_is_killed(tmp_path):
    with _running(tmp_path, WATCH) as (runner, told):
        runner.script().kill()
        assert _ends(told["process"])
        output = runner.rest()
        assert "the script that this process is a fork for is gone" in output
        assert "status -9" in output


def test_everything_ends_with_its_snakemake(tmp_path):
    with _running(tmp_path, WATCH) as (runner, told):
        children = [p.pid for p in psutil.Process(runner.pid).children(recursive=True)]
        assert told["process"] in children
        runner.kill()
        assert _ends(*children)


def test_a_script_says_when_the_process_of_its_fork_is_killed(tmp_path):
    with _running(tmp_path, WATCH) as (runner, told):
        os.kill(told["parent"], signal.SIGKILL)
        assert "status 1\n" in runner.rest()
        assert _ends(told["process"])
    assert "ERROR nasturtium: The process that" in (tmp_path / "job.log").read_text()


def test_another_environment_has_another_process_and_a_third_none(tmp_path):
    runner = Runner(tmp_path, "tell()", "tell()", "tell()", BEFORE="N=$((RANDOM)) ")
    told = [runner.told() for _ in range(3)]
    runner.rest()
    assert ["in a fork of" in one["said"] for one in told] == [True, True, False]
    assert told[0]["parent"] != told[1]["parent"]
    assert "jobs in two other environments" in told[2]["said"]


@pytest.mark.parametrize(
    ("before", "what"), [("umask 077; ", "umask"), ("nice -n 1 ", "nice"), ("cd copy; ", "folder")]
)
def test_a_script_that_differs_runs_by_itself(tmp_path, before, what):
    (tmp_path / "copy").mkdir()
    Runner(tmp_path / "copy", "tell()").rest()
    runner = Runner(tmp_path, "tell()", BEFORE=before)
    assert f"not in a fork: its {what} is not" in runner.told()["said"]
    runner.rest()


@pytest.mark.parametrize(
    "content",
    [
        "import threading, time; threading.Thread(target=time.sleep, args=(9,)).start()",
        "import os; os._exit(1)",
        "raise ImportError",
    ],
)
def test_where_nothing_can_be_loaded_ahead_a_script_runs_by_itself(tmp_path, content):
    (tmp_path / "odd.py").write_text(content)
    more = {"PYTHONPATH": str(tmp_path), "NASTURTIUM_FORK_MODULES": "odd"}
    runner = Runner(tmp_path, "tell()", "tell()", **more)
    assert "could not be loaded for forks" in runner.told()["said"]
    assert "could not be loaded for forks" in runner.told()["said"]
    runner.rest()


def test_there_is_no_server_on_a_machine_with_a_gpu(tmp_path, monkeypatch):
    (tmp_path / "driver").touch()
    monkeypatch.setattr(sharing, "_GPUS", (str(tmp_path / "driver"),))
    monkeypatch.setenv(forking.SERVER, "")
    forking.start(ROOT)
    assert "has a GPU" in forking.hand_over(tmp_path / "job.log")


def test_another_snakemakes_server_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setenv(forking.SERVER, f"{os.getppid()} nobody-there")
    monkeypatch.setenv("NASTURTIUM_SNAKEMAKE", f"{os.getpid()} here")
    assert "another Snakemake's" in forking.hand_over(tmp_path / "job.log")


def test_a_benchmark_counts_the_fork(tmp_path, monkeypatch):
    with _running(tmp_path, WATCH) as (runner, told):
        server = next(
            p for p in psutil.Process(runner.pid).children() if "supervise" in str(p.cmdline())
        )
        monkeypatch.setattr(benchmarks, "server_process", lambda: server.pid)
        counted = [p.pid for p in benchmarks._Job(runner.script().pid).children(recursive=True)]
        assert counted == [told["process"]]
