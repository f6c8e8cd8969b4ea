"""The one place that writes result files: beside, fsync, rename."""

import contextlib
import errno
import os
import platform
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from nasturtium.errors import StorageError

# Temporary files of this process; another thread may have to remove them.
_open: set[Path] = set()

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "it would exceed the limit for file sizes; raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only; make it writable",
    errno.EACCES: "its folder is not writable; change its owner or mode",
    errno.EPERM: "its folder is not writable; change its owner or mode",
}
_OF_READING = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.EIO)
# HDF5 gives the cause only in its message.
_NUMBER = re.compile(r"errno = (\d+)")


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it if the block succeeds.

    The temporary name keeps the suffix of ``path``, by which some writers (Keras) choose the
    format. If the block raises, the temporary file is removed and ``path`` is unchanged. A killed
    process leaves only a temporary file that no rule and no reader uses, and that the next writer
    of ``path`` removes.

    Raises
    ------
    StorageError
        The folder can't be written, the disk is full, or a folder has the name of the file.
    """
    path = Path(path)
    writer = f"{platform.node()}-{os.getpid()}"
    temporary = path.with_name(f".{path.stem}.{writer}-{uuid.uuid4().hex[:8]}{path.suffix}")
    _open.add(temporary)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left(path)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        remedy = None if _is_of_another(error, path, temporary) else why_unwritable(error)
        if remedy is None:
            raise
        raise StorageError(
            f"{path} could not be written: {remedy}, and run the same command again."
        ) from error
    finally:
        # If the folder is missing or can't be written, there is nothing to remove.
        with contextlib.suppress(OSError):
            temporary.unlink()
        _open.discard(temporary)


def why_unwritable(error: OSError) -> str | None:
    """What is wrong and what to do if a disk or folder caused ``error``; otherwise None."""
    number = error.errno
    if number is None and (found := _NUMBER.search(str(error))):
        number = int(found[1])
    if number in _OF_READING and why_unreadable(error):
        return None
    if number in (errno.EISDIR, errno.ENOTEMPTY) and error.filename2:
        return "a folder stands in its place; remove it"
    return _REMEDIES.get(number)


def why_unreadable(error: OSError) -> str | None:
    """The same for an error of reading."""
    name = error.filename
    if error.errno == errno.EISDIR and not error.filename2:
        return "a folder stands in its place; remove it"
    if error.errno in (errno.EACCES, errno.EPERM) and name is not None:
        is_closed = os.path.exists(name) and not os.access(name, os.R_OK)
        return "its owner or mode forbids it; change them" if is_closed else None
    if error.errno == errno.EIO:
        return "the disk reports an error; check it, and put the file there again or remove it"
    return None


def _is_of_another(error: OSError, path: Path, temporary: Path) -> bool:
    """Whether access was denied to a file that is only read while ``path`` is written."""
    if error.errno not in (errno.EACCES, errno.EPERM) or error.filename is None:
        return False
    return Path(os.fsdecode(error.filename)) not in (temporary, path, *path.parents)


def discard_open() -> None:
    """Remove the temporary files of this process, which is about to end."""
    for temporary in list(_open):
        with contextlib.suppress(OSError):
            temporary.unlink()


def _remove_left(path: Path) -> None:
    """Remove files of writers of ``path`` that were killed on this machine."""
    prefix, suffix = f".{path.stem}.{platform.node()}-", path.suffix
    for left in path.parent.iterdir():
        if left.name.startswith(prefix) and left.name.endswith(suffix):
            number = left.name.removeprefix(prefix).partition("-")[0]
            if number.isdecimal() and not psutil.pid_exists(int(number)):
                left.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Sync the folder, so that the rename survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
