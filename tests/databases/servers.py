"""Database servers from Debian's packages, each in its own folder and removed after the test.

Ports, users and files are their own, so that a server of the host is not touched. Each asks for a
password.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "xyzzy-made-up"
PACKAGES = "postgresql mariadb-server redis-server"


def program(name: str) -> str | None:
    """Path of a server's program. In Debian, PostgreSQL's is not in PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join(map(str, [*_path(), *versions])))


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """URL of a PostgreSQL that asks for :data:`PASSWORD`."""
    port, user = _free_port(), _user("postgres", folder)
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    data = str(folder / "data")
    made = [program("initdb"), "-D", data, "-U", "nasturtium", "-A", "scram-sha-256"]
    subprocess.run([*made, f"--pwfile={secret}"], user=user, check=True, capture_output=True)
    server = [program("postgres"), "-D", data, "-p", str(port), "-k", str(folder)]

    def connect():
        import psycopg2

        place = {"host": "127.0.0.1", "port": port, "dbname": "postgres"}
        psycopg2.connect(user="nasturtium", password=PASSWORD, **place).close()

    with _served(server, folder, connect, user):
        yield f"postgresql://nasturtium@127.0.0.1:{port}/postgres"


@contextmanager
def mysql(folder: Path) -> Iterator[str]:
    """URL of a MariaDB that asks for :data:`PASSWORD`."""
    port, user = _free_port(), _user("mysql", folder)
    first = folder / "first.sql"
    first.write_text(
        "CREATE DATABASE optuna;\n"
        f"CREATE USER nasturtium@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        "GRANT ALL ON optuna.* TO nasturtium@'127.0.0.1';\n"
    )
    place = ["--no-defaults", f"--datadir={folder}/data"]
    made = [program("mariadb-install-db"), *place, "--auth-root-authentication-method=normal"]
    subprocess.run(made, user=user, check=True, capture_output=True)
    server = [program("mariadbd"), *place, f"--port={port}", f"--socket={folder}/socket"]
    server += [f"--init-file={first}", "--bind-address=127.0.0.1", "--skip-name-resolve"]

    def connect():
        import pymysql

        account = {"user": "nasturtium", "password": PASSWORD, "database": "optuna"}
        pymysql.connect(host="127.0.0.1", port=port, **account).close()

    with _served(server, folder, connect, user):
        yield f"mysql+pymysql://nasturtium@127.0.0.1:{port}/optuna"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """URL of a Redis that asks for :data:`PASSWORD`."""
    port, user = _free_port(), _user("redis", folder)
    server = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    server += ["--dir", str(folder), "--requirepass", PASSWORD]

    def connect():
        import redis as driver

        driver.Redis(port=port, password=PASSWORD).ping()

    with _served(server, folder, connect, user):
        yield f"redis://127.0.0.1:{port}/0"


SERVERS = {
    "postgresql": (postgresql, "postgres"),
    "mysql": (mysql, "mariadbd"),
    "redis": (redis, "redis-server"),
}
"""For each kind of storage, what starts it and the program that it needs."""


@contextmanager
def _served(
    command: list[str], folder: Path, connect: Callable[[], None], user: str | None
) -> Iterator[None]:
    """Run a server in the block, once it answers."""
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(command, user=user, stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + 60
        while not _answers(connect):
            said = (folder / "server.log").read_text()
            assert server.poll() is None, said
            assert time.monotonic() < deadline_s, said
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _answers(connect: Callable[[], None]) -> bool:
    try:
        connect()
    except Exception:  # noqa: BLE001  (each driver has errors of its own)
        return False
    return True


def _user(name: str, folder: Path) -> str | None:
    """Whom root lets the server run as, since PostgreSQL and MariaDB refuse root."""
    if os.getuid() != 0:
        return None
    account = pwd.getpwnam(name)
    os.chown(folder, account.pw_uid, account.pw_gid)
    return name


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _path() -> list[str]:
    return [os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]
