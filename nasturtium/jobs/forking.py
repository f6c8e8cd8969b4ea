"""Runs a script in a fork of a process that has loaded TensorFlow, since loading it takes seconds.

Snakemake starts the fork server (:mod:`nasturtium.jobs.fork_server`), and its environment names it
to the jobs. A script asks it for a fork that does its work. It waits for that fork, passes signals
on to it and ends with the same status. If that is not possible, the script runs by itself: on
another machine or in another environment, with a GPU, or without a server.
"""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from nasturtium.jobs import sharing
from nasturtium.jobs.fork_messages import OtherUser, connect, receive, send

# Names the server's socket and its Snakemake; the workflow sets it, and scripts inherit it.
SERVER = "NASTURTIUM_FORK_SERVER"
# Set in a fork: its process id, a descriptor that reads as ended when its script has ended, one
# with what was printed while TensorFlow was loaded, and the id of its parent process.
FORKED = "NASTURTIUM_FORKED"

LOAD_S = 120.0
"""So long a script waits until TensorFlow is loaded; after that it loads TensorFlow itself."""

# A shell sets these for each command, and nothing depends on them.
_SHELL = {"_", "SHLVL", "PWD", "OLDPWD"}
_LIMITS = ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_CPU")
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_server: subprocess.Popen | None = None


def start(root: str | os.PathLike, *, wanted: bool = True, more: Iterable[str] = ()) -> None:
    """Start the fork server of this Snakemake; it ends with this process, however that ends.

    If there can be no server, the jobs' logs say why.

    Parameters
    ----------
    root
        The folder that the package is imported from.
    wanted
        Whether the configuration wants it.
    more
        Modules that jobs to come load beside TensorFlow, and that take seconds to load.
    """
    global _server
    why = _impossible() if wanted else "the configuration's fork_server is false"
    if not why:
        from nasturtium.jobs import benchmarks

        benchmarks.count_forks()
        name = f"nasturtium-{os.getpid()}-{os.urandom(8).hex()}"
        code = (
            f"import sys; sys.path.append({os.fspath(root)!r}); "
            f"from nasturtium.jobs import fork_server; fork_server.supervise({name!r}, {[*more]!r})"
        )
        # Its input is a pipe that ends with this process.
        _server = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with _server.stdout as ready:
            if ready.readline() != b"ready\n":
                why = "the fork server could not be started"
    os.environ[SERVER] = f"- {why}" if why else f"{os.getpid()} {name}"


def hand_over(log: str | os.PathLike, *, start: bool = True) -> str:
    """Let a fork run this script and end with it. Returns only if the script has to run by itself.

    To be called by a script before it loads much, in its main thread.

    Parameters
    ----------
    log
        The job's log file, for messages that the fork can't write.
    start
        Whether TensorFlow is worth loading for this script; if not, it gets a fork only where
        another script had TensorFlow loaded before.

    Returns
    -------
    What the log should say of it.
    """
    if forked := _forked():
        return f"Runs in a fork of process {forked.parent}, which has TensorFlow loaded."
    named = os.environ.get(SERVER)
    if not named:
        return "Runs in a process of its own."
    try:
        connection = _connected(named, start)
    except (OSError, ValueError, OtherUser, _Refused) as error:
        return f"Runs in a process of its own, not in a fork: {error}."
    _wait_for(connection, Path(log))


@dataclass(frozen=True)
class Forked:
    """What a fork knows of itself; descriptors but for ``parent``, a process."""

    script: int
    printed: int
    parent: int


def _forked() -> Forked | None:
    """What this process knows if it is a fork; None if it is not, or was started by one."""
    process, *known = map(int, os.environ.get(FORKED, "0").split())
    return Forked(*known) if process == os.getpid() else None


def replay() -> None:
    """In a fork, print what was printed while TensorFlow was loaded: it belongs in the log."""
    if forked := _forked():
        size = os.fstat(forked.printed).st_size
        os.write(2, os.pread(forked.printed, size, 0))


def end_of_script() -> int | None:
    """In a fork, a descriptor that reads as ended as soon as its script has ended."""
    forked = _forked()
    return forked.script if forked else None


def attributes() -> dict[str, Any]:
    """What a fork inherits from its parent, and what a script and its fork must therefore share."""
    mask = os.umask(0)
    os.umask(mask)
    limits = [resource.getrlimit(getattr(resource, name)) for name in _LIMITS]
    return {
        "executable": sys.executable,
        "folder": os.getcwd(),
        "umask": mask,
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "processors": sorted(os.sched_getaffinity(0)),
        "limits": [list(limit) for limit in limits],
    }


def environment() -> dict[str, str]:
    """The environment, without variables that a shell sets for each command."""
    return {name: value for name, value in os.environ.items() if name not in _SHELL}


def server_process() -> int:
    """The fork server that this process has started."""
    return _server.pid


def waited_for(process: int) -> set[int]:
    """The processes for which another process waits, such as a script's fork."""
    found = set()
    # Both may be gone meanwhile, or be another user's.
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{process}/fdinfo").iterdir():
            _, is_process, number = entry.read_text(encoding="utf-8").partition("\nPid:")
            if is_process:
                found.add(int(number.split()[0]))
    return found


class _Refused(Exception):
    """The server gives no fork."""


def _impossible() -> str:
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        return "this system has no process descriptors"
    if sharing.has_gpu():
        return "this machine has a GPU, which a fork can't take over"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        return f"process descriptors are not allowed here ({error.strerror})"
    return ""


def _connected(named: str, start: bool) -> socket.socket:
    """A connection to a process that has TensorFlow loaded and waits for what to run."""
    snakemake, _, name = named.partition(" ")
    if snakemake == "-":
        raise _Refused(name)
    if os.environ.get("NASTURTIUM_SNAKEMAKE", "").split()[:1] != [snakemake]:
        raise _Refused("the fork server is another Snakemake's")
    with connect(name, LOAD_S) as server:
        asked = {"environment": environment(), "attributes": attributes(), "start": start}
        send(server, asked)
        answer, _ = receive(server)
    if "refused" in answer:
        raise _Refused(answer["refused"])
    connection = connect(answer["address"], LOAD_S)
    try:
        # From here on the other side expects a request; before, this side may still give up.
        receive(connection)
    except (ConnectionError, EOFError) as error:
        raise _Refused("TensorFlow could not be loaded for forks") from error
    return connection


def _wait_for(connection: socket.socket, log: Path) -> NoReturn:
    """Let the fork run the script, pass signals on to it, and end as it ended."""
    reading, writing = os.pipe()
    asked: list[int] = []
    fork: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        asked.append(number)
        # A signal that arrives before the fork is known is passed on below.
        with contextlib.suppress(ProcessLookupError):
            if fork:
                signal.pidfd_send_signal(fork[0], number)

    ignored = [n for n in _PASSED_ON if signal.getsignal(n) is signal.SIG_IGN]
    for number in set(_PASSED_ON) - set(ignored):
        signal.signal(number, pass_on)
    request = {
        "arguments": sys.argv,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "ignored": ignored,
    }
    status = None
    connection.settimeout(None)
    try:
        send(connection, request, (0, 1, 2, reading))
        os.close(reading)
        begun, _ = receive(connection)
        with contextlib.suppress(ProcessLookupError):
            fork.append(os.pidfd_open(begun["process"]))
            for number in asked:
                signal.pidfd_send_signal(fork[0], number)
        ended, _ = receive(connection)
        status = ended["status"]
    except (OSError, EOFError):
        # The fork ends when it sees that this side of the pipe is closed.
        os.close(writing)
        if not asked:
            _tell(log, "The process that ran this job's fork is gone; run the same command again.")
        os._exit(128 + asked[0] if asked else 1)
    if status < 0:
        # By the same signal, so that Snakemake sees what happened.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(-status, signal.SIG_DFL) if -status not in (9, 19) else None
        os.kill(os.getpid(), -status)
        time.sleep(10)
    os._exit(status)


def _tell(log: Path, sentence: str) -> None:
    with contextlib.suppress(OSError), open(log, "a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} ERROR nasturtium: {sentence}\n")
