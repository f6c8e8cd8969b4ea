"""The fork server: processes that have TensorFlow loaded, and become a job's script when asked.

:func:`supervise` runs in a small process beside Snakemake. For each environment from which a script
asks (such as jobs with one and with two threads) it starts one process that loads TensorFlow and
then waits. That process has a single thread, since forking with several is unsafe, and holds no
data, model or seed. Its forks import this package themselves, as any script does.

All of them end when their input does, which is a pipe from Snakemake.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import types
from dataclasses import dataclass, field
from typing import NoReturn

from nasturtium.jobs.fork_messages import is_ours, receive, send
from nasturtium.jobs.forking import FORKED, attributes

MODULES = (
    *("tensorflow", "tf_keras", "numpy", "scipy.special", "scipy.optimize", "pandas"),
    *("pyarrow.parquet", "h5py", "psutil", "pickle", "snakemake.iocontainers", "snakemake.logging"),
)
"""Loaded in advance: what every job that trains or measures loads."""

# Each holds TensorFlow in memory.
_MOST = 2
_PATIENCE_S = 20.0
# Otherwise pyarrow's allocator would start a thread. A fork does not read the variable again.
_NO_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
_MADE_ANEW = "nasturtium"


def supervise(name: str, more: list[str]) -> None:
    """Start loaders for the scripts that ask at the abstract socket ``name``, until input ends.

    They load the modules ``more`` too.
    """
    _stay()
    own = attributes()
    loaders: dict[str, tuple[subprocess.Popen, str]] = {}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            readable, _, _ = select.select([0, listening], [], [])
            if 0 in readable:
                return
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(_PATIENCE_S)
                try:
                    if is_ours(connection):
                        asked, _ = receive(connection)
                        send(connection, _answer(asked, own, loaders, name, more))
                except (OSError, EOFError, ValueError):
                    continue


def load(descriptor: int, more: list[str]) -> None:
    """Load modules, and fork at the listening socket ``descriptor`` until input ends.

    They are :data:`MODULES` and ``more``.
    """
    _stay()
    before = list(sys.path)
    before.pop()  # the package's folder, which a script adds by itself
    printed = os.memfd_create("printed")
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    usual = os.environ.get("NASTURTIUM_FORK_MODULES", " ".join(MODULES)).split()
    for module in [*usual, *more]:
        importlib.import_module(module)
    sys.stdout.flush()
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    gc.collect()
    gc.freeze()
    # Linear algebra libraries end their threads at a fork: let that happen here, not in a job.
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
    if len(os.listdir("/proc/self/task")) > 1:
        return
    with socket.socket(fileno=descriptor) as listening:
        job = _fork_on_request(listening)
    if job is not None:
        job.run(before, printed)


@dataclass
class _Job:
    """A script to run, with its open files: input, output, errors, and the end of its script."""

    request: dict
    files: list[int]

    def run(self, path: list[str], printed: int) -> NoReturn:
        """Become the script; in a fork only."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            is_ignored = number in self.request["ignored"]
            signal.signal(number, signal.SIG_IGN if is_ignored else usual)
        *standard, script_end = self.files
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
            os.close(descriptor)
        parent = os.getppid()
        os.chdir(self.request["folder"])
        os.environ.clear()
        os.environ.update(self.request["environment"])
        os.environ[FORKED] = f"{os.getpid()} {script_end} {printed} {parent}"
        sys.stdout.reconfigure(line_buffering=os.isatty(1))
        for name in [n for n in sys.modules if n.partition(".")[0] == _MADE_ANEW]:
            del sys.modules[name]
        importlib.invalidate_caches()
        sys.argv[:] = self.request["arguments"]
        script = os.path.abspath(sys.argv[0])
        sys.path[:] = [os.path.dirname(script), *path[1:]]
        main = types.ModuleType("__main__")
        main.__file__ = script
        sys.modules["__main__"] = main
        with open(script, "rb") as file:
            code = compile(file.read(), script, "exec")
        exec(code, main.__dict__)
        sys.exit(0)


@dataclass
class _Running:
    """A fork, and the connection to the script that waits for it."""

    process: int
    connection: socket.socket = field(repr=False)


def _answer(asked: dict, own: dict, loaders: dict, name: str, more: list[str]) -> dict:
    if different := [key for key in own if asked["attributes"].get(key) != own[key]]:
        return {"refused": f"its {different[0]} is not what Snakemake was started with"}
    key = json.dumps(asked["environment"], sort_keys=True)
    if key in loaders and loaders[key][0].poll() is None:
        return {"address": loaders[key][1]}
    if key in loaders:
        return {"refused": "TensorFlow could not be loaded for forks"}
    if not asked["start"]:
        return {"refused": "no process has TensorFlow loaded yet, and this job does not need it"}
    if len(loaders) == _MOST:
        return {"refused": "jobs in two other environments have a process for their forks already"}
    address = f"{name}-{len(loaders)}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{address}")
        listening.listen()
        code = (
            f"import sys; sys.path.append({sys.path[-1]!r}); "
            "from nasturtium.jobs import fork_server; "
            f"fork_server.load({listening.fileno()}, {more!r})"
        )
        loaders[key] = (
            subprocess.Popen(
                [sys.executable, "-c", code],
                env={**asked["environment"], **_NO_THREAD},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listening.fileno()],
            ),
            address,
        )
    return {"address": address}


def _fork_on_request(listening: socket.socket) -> _Job | None:
    """Serve scripts until the input ends; in a fork, return the job that it has to run."""
    running: dict[int, _Running] = {}
    while True:
        readable, _, _ = select.select([0, listening, *running], [], [])
        if 0 in readable:
            return None
        for ended in set(readable) & running.keys():
            one = running.pop(ended)
            os.close(ended)
            _, status = os.waitpid(one.process, 0)
            _try_to_send(one.connection, {"status": os.waitstatus_to_exitcode(status)})
            one.connection.close()
        if listening not in readable:
            continue
        connection, _ = listening.accept()
        connection.settimeout(_PATIENCE_S)
        try:
            if not is_ours(connection):
                connection.close()
                continue
            send(connection, {})
            request, files = receive(connection, 4)
        except (OSError, EOFError, ValueError):
            connection.close()
            continue
        process = os.fork()
        if not process:
            connection.close()
            for descriptor, other in running.items():
                os.close(descriptor)
                other.connection.close()
            return _Job(request, files)
        for descriptor in files:
            os.close(descriptor)
        running[os.pidfd_open(process)] = _Running(process, connection)
        _try_to_send(connection, {"process": process})


def _try_to_send(connection: socket.socket, message: dict) -> None:
    try:
        send(connection, message)
    except OSError:
        # The script is gone; its fork has seen that too.
        return


def _stay() -> None:
    """An interrupt ends the jobs; this process ends with its Snakemake."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
