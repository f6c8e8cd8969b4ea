"""Kills a tiny study at every possible point; the same command must complete it.

Run it as ``python -m tests.kill_matrix``; it prints a Markdown table. A case starts Snakemake on
one stage's files, sends a signal to the script, to the fork that runs in its place, to Snakemake or
to all of them at a random moment of the script's life, and at once runs the same command again.
That must succeed, and then:

- every file under ``results/`` reads, after the kill and after the rerun;
- models, trials, epochs and compaction equal those of a study that nobody disturbed;
- trials that had ended before the kill were not run again;
- no temporary file and no process is left.

Each pair of signal and receiver has its own copy of the project, and goes through the stages once
for each moment. At the end the study is finished there, and its ``summary.parquet`` is compared
with the undisturbed one.
"""

import argparse
import concurrent.futures
import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import psutil
import pyarrow.parquet as pq

from nasturtium.jobs import forking
from tests.workflow.conftest import Project

SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL")
RECEIVERS = ("script", "fork", "snakemake", "group")
STAGES = {
    "baseline": "baseline",
    "pruned": "pruned/channels-0.50",
    "nas": "nas",
    "nas_pruned": "nas_pruned/channels-0.50",
    "nas_with_pruning": "nas_with_pruning",
}
CONFIG = {
    "datasets": ["diabetes"],
    "threads": 1,
    "training": {"epochs": 8, "batch_size": 32},
    "pruning": {"methods": ["channels"], "ratios": [0.5], "epochs": 8, "controls": []},
    "search": {
        "trials": 3,
        "epochs": 6,
        "units": [8, 16],
        "dense_layers": [1],
        "pruning_ratios": [0.3],
        "latency_runs": 5,
    },
    "measure": {"warm_up_runs": 1, "latency_runs": 20, "throughput_runs": 3},
}
# What two runs of the same study differ in: times, energies, latencies and a process's memory;
# a Keras file holds the time when it was written.
ASIDE = re.compile(
    r"_(s|ms|j|w|ns|wall)(_ratio)?$|latency|energy|throughput|rss_|sha256|keras_gzip|model_path"
)
# For a rerun to end, and for Snakemake to do so after a signal.
LIMIT_S = 900
# What the rule measure makes of a finished run; the killed stage has not yet made it.
_MEASURED = ("metrics.parquet", "predictions.parquet", "lite.parquet")


@dataclass
class Case:
    """One kill, and what came of it."""

    signal: str
    receiver: str
    stage: str
    moment_s: float = 0.0
    script: psutil.Process | None = None
    fork: psutil.Process | None = None
    trials_kept: int = 0
    rerun_s: float = 0.0
    problems: list[str] = field(default_factory=list)


def main() -> int:
    """Run the cases that the command line asks for; 1 if any went wrong."""
    options = _options()
    # A shell script starts its background jobs with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(options.folder or tempfile.mkdtemp(prefix="kill-matrix-"))
    start_s = time.monotonic()
    undisturbed, prepared = _undisturbed(folder)
    pairs = [(name, to) for to in options.receivers for name in options.signals]
    projects = {pair: folder / "-".join(pair) for pair in pairs}
    for project in projects.values():
        _copy(prepared, project)
    cases: list[Case] = []
    with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
        for number in range(options.moments):
            work = [
                pool.submit(_round, project, undisturbed, *pair, number, options)
                for pair, project in projects.items()
            ]
            cases += [case for one in work for case in one.result()]
            if time.monotonic() - start_s > 60 * options.minutes:
                break
        work = [
            pool.submit(_finish, project, undisturbed, *pair) for pair, project in projects.items()
        ]
        unequal = [case for one in work for case in one.result()]
    _print_table(cases, unequal, options, time.monotonic() - start_s)
    columns = pq.read_schema(undisturbed / "results/summary.parquet").names
    print(f"\nColumns of summary.parquet that are compared: {len(columns)}, less these:")
    print(", ".join(name for name in columns if ASIDE.search(name)))
    if not options.folder:
        shutil.rmtree(folder, ignore_errors=True)
    return int(any(case.problems for case in cases + unequal))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=5, help="kills of each kind in a stage")
    parser.add_argument("--minutes", type=float, default=1e9, help="no new round after these")
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--signals", nargs="+", default=list(SIGNALS), choices=SIGNALS)
    parser.add_argument("--receivers", nargs="+", default=list(RECEIVERS), choices=RECEIVERS)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--parallel", type=int, default=1, help="cases at once")
    parser.add_argument(
        "--stretch", type=float, default=1.0, help="how much longer a script takes beside others"
    )
    parser.add_argument("--folder", help="keep the projects here; else they are removed")
    return parser.parse_args()


def _undisturbed(folder: Path) -> tuple[Path, Path]:
    """A project in which the study has run, and one in which only the data are prepared."""
    project = Project(folder / "undisturbed")
    project.configure(CONFIG)
    prepared = folder / "prepared"
    for target in ("results/data/diabetes/seed0.split.npz", "results/summary.parquet"):
        done = _snakemake(project.folder, target)
        if done.wait():
            raise SystemExit(f"The undisturbed study failed:\n{done.output}")
        if not prepared.exists():
            _copy(project.folder, prepared)
    return project.folder, prepared


def _round(project: Path, undisturbed: Path, name: str, to: str, number: int, options) -> list:
    """One case of one signal and receiver in each stage, in the order of the stages."""
    cases = []
    for stage, run in STAGES.items():
        if stage not in options.stages:
            if not number:
                _snakemake(project, f"results/diabetes/seed0/{run}/model.keras").wait()
            continue
        share = random.Random(f"{options.seed} {name} {to} {stage} {number}").random()
        _remove(project, run)
        case = _case(project, undisturbed, Case(name, to, stage), run, options.stretch * share)
        print(f"{_name(case)}: {'; '.join(case.problems) or 'well'}", file=sys.stderr, flush=True)
        cases.append(case)
    return cases


def _finish(project: Path, undisturbed: Path, name: str, to: str) -> list[Case]:
    """Finish the study of one copy; a case with what its summary differs in, if it does."""
    case = Case(name, to, "summary")
    done = _snakemake(project, "results/summary.parquet")
    if done.wait():
        case.problems.append(f"the study could not be finished:\n{done.output}")
    elif wrong := _differences(project, undisturbed, "results/summary.parquet"):
        case.problems.append(f"summary.parquet differs in {wrong}")
    return [case] if case.problems else []


def _rungs(path: Path) -> list[dict]:
    """How a trial stood at the end of each rung, its seconds among it."""
    return json.loads(path.read_bytes())["rungs"]


def _remove(project: Path, run: str) -> None:
    for part in ("results", "state"):
        shutil.rmtree(project / part / "diabetes/seed0" / run, ignore_errors=True)


def _case(project: Path, undisturbed: Path, case: Case, run: str, share: float) -> Case:
    target = f"results/diabetes/seed0/{run}/model.keras"
    lasts_s = _duration_s(undisturbed, run)
    process = None
    while process is None:
        case.moment_s = share * lasts_s
        process = _killed(project, target, case)
        if process is None:  # it had ended before the signal came
            share *= 0.7
            _remove(project, run)
    case.problems += _unreadable(project)
    records = (project / "state/diabetes/seed0" / run / "trials").glob("*/trial.json")
    ended = {path: _rungs(path) for path in records}
    case.trials_kept = len(ended)
    start_s = time.monotonic()
    done = _snakemake(project, target)
    if done.wait():
        case.problems.append(f"the same command failed:\n{done.output}")
        return case
    case.rerun_s = time.monotonic() - start_s
    if any(_alive(process) for process in (case.script, case.fork) if process):
        case.problems.append("the script lived beside the rerun")
    # A trial may have been promoted since: to the rungs that it had, others are added.
    if any(not path.exists() or _rungs(path)[: len(old)] != old for path, old in ended.items()):
        case.problems.append("a finished rung was run again")
    case.problems += _unreadable(project)
    place = Path(target).parent
    for made in sorted((undisturbed / place).glob("*.*")):
        if made.name not in _MEASURED and (
            wrong := _differences(project, undisturbed, str(place / made.name))
        ):
            case.problems.append(f"{made.name} differs in {wrong}")
    left = [path.name for path in (project / "results").rglob(".*") if path.is_file()]
    if left:
        case.problems.append(f"left behind: {', '.join(left)}")
    return case


class _Run(subprocess.Popen):
    """A Snakemake with its output; in a process group of its own."""

    def __init__(self, project: Path, target: str):
        variables = {k: v for k, v in os.environ.items() if not k.startswith("NASTURTIUM")}
        variables["XDG_CACHE_HOME"] = str(project / ".cache")
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (as long as this object)
        super().__init__(
            [
                sys.executable,
                "-m",
                "snakemake",
                target,
                "--cores",
                "1",
                "--configfile",
                "tiny.yaml",
            ],
            cwd=project,
            env=variables,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self, timeout: float = LIMIT_S) -> int:
        try:
            return super().wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            super().wait()
            return -1

    @property
    def output(self) -> str:
        self._file.seek(0)
        return self._file.read().decode(errors="replace")

    def script(self) -> psutil.Process | None:
        """The process of the script that it runs now."""
        for child in self._children():
            try:
                words = child.cmdline()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if words and "python" in words[0] and ".snakemake/scripts/" in words[-1]:
                return child
        return None

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


# Between a fork and its exec, a child holds what its parent holds.
_starting = threading.Lock()


def _snakemake(project: Path, target: str) -> _Run:
    with _starting:
        return _Run(project, target)


def _killed(project: Path, target: str, case: Case) -> _Run | None:
    """A run that the case's signal has met; None if its script had ended before."""
    process = _snakemake(project, target)
    script = None
    while script is None and process.poll() is None:
        script = process.script()
        time.sleep(0.01)
    time.sleep(case.moment_s)
    case.script = script
    case.fork = _fork(script, process) if script else None
    number = getattr(signal, case.signal)
    if script is None or not _alive(script) or process.poll() is not None:
        if process.wait():
            case.problems.append(f"failed before it was killed:\n{process.output}")
            return process
        return None
    if case.receiver == "script":
        script.send_signal(number)
    elif case.receiver == "fork":
        (case.fork or script).send_signal(number)
    elif case.receiver == "snakemake":
        process.send_signal(number)
    else:
        os.killpg(process.pid, number)
    # A killed one leaves its script behind: the rerun comes at once, as it would from a shell.
    process.wait()
    ended = [script, case.fork] if case.fork else [script]
    if case.receiver != "snakemake" and any(map(_outlives, ended)):
        case.problems.append("the script outlived the signal")
    return process


def _fork(script: psutil.Process, snakemake: subprocess.Popen) -> psutil.Process | None:
    """The process that runs for a script; None if the script runs by itself."""
    # One that runs by itself waits for its Snakemake.
    for number in forking.waited_for(script.pid) - {snakemake.pid}:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(number)
    return None


def _outlives(process: psutil.Process, patience_s: float = 2.0) -> bool:
    """Whether a script still runs. After SIGKILL it needs a moment to release its memory."""
    deadline_s = time.monotonic() + patience_s
    while _alive(process) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return _alive(process)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _copy(source: Path, target: Path) -> None:
    """With times: Snakemake goes by them."""
    shutil.copytree(source, target, symlinks=True)


def _duration_s(undisturbed: Path, run: str) -> float:
    table = undisturbed / f"logs/benchmarks/diabetes/seed0/{run}.tsv"
    return float(table.read_text().splitlines()[1].split("\t")[0])


def _unreadable(project: Path) -> list[str]:
    """Files under results/ that look like results and are not whole."""
    problems = []
    for path in sorted((project / "results").rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            try:
                for _ in _content(path):
                    pass
            except (OSError, ValueError, zipfile.BadZipFile, KeyError) as error:
                problems.append(f"{path.name} is not whole: {error}")
    return problems


def _content(path: Path) -> Iterator[tuple[str, object]]:
    """What a result file holds, by name: columns, arrays, texts."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        for name in table.column_names:
            yield name, table.column(name).to_pylist()
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            yield "config.json", json.loads(archive.read("config.json"))
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
                yield from _arrays(file)
    elif path.suffix == ".json":
        yield "json", json.loads(path.read_text())
    elif path.suffix == ".npy":
        yield "array", np.load(path)
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            yield from arrays.items()
    else:
        yield "bytes", path.read_bytes()


def _arrays(group: h5py.Group) -> Iterator[tuple[str, object]]:
    found = []
    group.visititems(lambda name, item: found.append(name) if hasattr(item, "shape") else None)
    for name in sorted(found):
        yield name, group[name][()]


def _differences(project: Path, undisturbed: Path, name: str) -> str:
    """Names of what differs in a file, without what two runs always differ in."""
    if Path(name).name in ("energy.parquet", "power.parquet"):
        return ""
    if not (project / name).exists():
        return "everything: it is not there"
    one, other = dict(_content(project / name)), dict(_content(undisturbed / name))
    return ", ".join(
        key
        for key in sorted(one.keys() | other.keys())
        if not ASIDE.search(key) and not _equal(one.get(key), other.get(key))
    )


def _equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return one == other


def _name(case: Case) -> str:
    return f"{case.stage}, {case.signal} to {case.receiver} after {case.moment_s:.1f} s"


def _print_table(
    cases: list[Case], unequal: list[Case], options: argparse.Namespace, took_s: float
) -> None:
    print(f"| signal | to | {' | '.join(options.stages)} | summary | slowest rerun |")
    print("|---" * (len(options.stages) + 4) + "|")
    for to in options.receivers:
        for name in options.signals:
            mine = [case for case in cases if (case.signal, case.receiver) == (name, to)]
            cells = []
            for stage in options.stages:
                here = [case for case in mine if case.stage == stage]
                kept = sum(case.trials_kept for case in here)
                text = f"{sum(not case.problems for case in here)} of {len(here)}"
                is_search = stage in ("nas", "nas_with_pruning")
                cells.append(f"{text}, {kept} trials kept" if is_search else text)
            differs = any((case.signal, case.receiver) == (name, to) for case in unequal)
            slowest_s = max(case.rerun_s for case in mine)
            cells += ["differs" if differs else "equal", f"{slowest_s:.0f} s"]
            print(f"| {name} | {to} | {' | '.join(cells)} |")
    good = sum(not case.problems for case in cases)
    print(f"\n{good} of {len(cases)} kills survived, in {took_s / 60:.0f} minutes.")
    for case in cases + unequal:
        for problem in case.problems:
            print(f"\n{_name(case)}: {problem}")


if __name__ == "__main__":
    sys.exit(main())
