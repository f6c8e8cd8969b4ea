"""The storage in which workers share their study: a journal file, or the user's database.

A password is never part of the URL, so that no log, error or parameter can show it: it comes from
the environment, or from the driver's own files.
"""

import json
import logging
import os
import shutil
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nasturtium.errors import SearchError
from nasturtium.jobs.locks import FileLock
from nasturtium.jobs.password import PASSWORD, hidden
from nasturtium.records.checksums import reading

logger = logging.getLogger(__name__)

_CHECKSUM = "crc32"


class JournalLock:
    """Lock of a journal: a killed process leaves neither the lock nor half a line behind.

    Optuna's own locks are files: each survives its process, and is broken after 30 s. A line that
    was cut short would be completed by the next one, and the journal could not be read any more.
    """

    def __init__(self, journal: str | Path):
        self._journal = Path(journal)
        self._lock = FileLock(f"{journal}.lock")

    def acquire(self) -> bool:
        """Wait for the lock; the incomplete line of a killed writer is cut off."""
        self._lock.take()
        with open(self._journal, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            if end and file.read() != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()


class Journal(JournalFileBackend):
    """Optuna's journal file, each line with a checksum of itself.

    Raises
    ------
    DamageError
        A line is damaged. When it is opened again, the journal starts empty, since the trials'
        records hold all that a search needs.
    """

    def __init__(self, path: str | Path):
        self._journal = Path(path)
        if self._journal.is_dir():
            shutil.rmtree(self._journal)
        super().__init__(str(path), lock_obj=JournalLock(path))
        lock = JournalLock(path)
        lock.acquire()
        try:
            lines = self._journal.read_bytes().splitlines()
            if not all(map(_is_whole, lines)):
                logger.warning("%s is damaged and is made again from the trials' records.", path)
                self._journal.write_bytes(b"")
        finally:
            lock.release()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The entries from that number on."""
        with reading(self._journal, remedy="run the same command again, so that it is made again"):
            for log in super().read_logs(log_number_from):
                if log.pop(_CHECKSUM) != _checksum(log):
                    raise ValueError(_CHECKSUM)
                yield log

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries."""
        plain = [json.loads(json.dumps(log)) for log in logs]
        super().append_logs([{**log, _CHECKSUM: _checksum(log)} for log in plain])


def _is_whole(line: bytes) -> bool:
    try:
        log = json.loads(line)
        return log.pop(_CHECKSUM) == _checksum(log)
    except (ValueError, KeyError, AttributeError, TypeError):
        return False


def _checksum(log: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(log, sort_keys=True).encode())


def open_storage(url: str | None, journal: Path, name: str) -> optuna.storages.BaseStorage:
    """The storage ``url``, or without one the file ``journal``.

    Parameters
    ----------
    url
        Without a password, which the check of the configuration refuses.
    name
        Name of the study; in Redis, the prefix of its keys.

    Raises
    ------
    SearchError
        It can't be opened.
    """
    if url is None:
        return JournalStorage(Journal(journal))
    password = os.environ.get(PASSWORD)
    try:
        if url.startswith(("redis://", "rediss://")):
            return _redis(url, password, name)
        given = {"password": password} if password else {}
        if url.startswith("sqlite"):
            # It has no passwords, and its writers wait for each other.
            given = {"timeout": 60}
        return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": given})
    except Exception as error:  # noqa: BLE001  (each driver has errors of its own)
        said = hidden(str(error).splitlines()[0] if str(error) else "")
        raise SearchError(
            f"search.storage {url}: can't be opened ({type(error).__name__}: {said}); see "
            "docs/search.md for the drivers and the password."
        ) from None


def _redis(url: str, password: str | None, name: str) -> JournalStorage:
    import redis
    from optuna.storages.journal import JournalRedisBackend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        backend = JournalRedisBackend(url, prefix=name)
    if password:
        # Optuna accepts it only in the URL.
        backend._redis = redis.Redis.from_url(url, password=password)
    return JournalStorage(backend)
