"""Published source files: found in the data folder, downloaded when missing, always checked."""

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from nasturtium.errors import DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceFile:
    """A published file with its SHA-256 and the addresses that serve it."""

    name: str
    sha256: str
    urls: tuple[str, ...]


def data_folder(dataset: str) -> Path:
    """The data set's folder of source files; the environment's NASTURTIUM_DATA wins."""
    return Path(os.environ.get("NASTURTIUM_DATA", "data")) / dataset


def fetch(dataset: str, source: SourceFile) -> Path:
    """The path of ``source`` in the data folder, downloaded if it is not there.

    Raises
    ------
    DataError
        The file has another checksum, or is missing and can't be downloaded. A broken download
        never takes the file's place.
    """
    path = data_folder(dataset) / source.name
    if not path.exists():
        _download(source, path)
    check(path, source.sha256)
    return path


def check(path: Path, sha256: str) -> None:
    """Raise DataError unless the file's SHA-256 is ``sha256``."""
    found = file_sha256(path)
    if found != sha256:
        raise DataError(
            f"{path}: its sha256 is {found[:12]}..., but the published file has {sha256[:12]}...; "
            "delete it so that it is downloaded again, or put the published file in its place."
        )


def file_sha256(path: str | os.PathLike) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(source: SourceFile, path: Path) -> None:
    import pooch
    import requests

    reasons = []
    for url in source.urls:
        logger.info("Downloading %s", url)
        try:
            # pooch writes beside the file and moves it into place when its checksum is right.
            pooch.retrieve(
                url,
                known_hash=f"sha256:{source.sha256}",
                fname=path.name,
                path=path.parent,
                downloader=pooch.HTTPDownloader(timeout=30),
            )
        except (requests.RequestException, ValueError, OSError) as error:
            reason = str(error).splitlines()[0][:120]
            reasons.append(f"{url}: {type(error).__name__}")
            logger.warning("%s: %s", url, reason)
        else:
            return
    raise DataError(
        f"{path} is missing and could not be downloaded ({'; '.join(reasons)}); "
        f"put the file there by hand, or point data_dir or NASTURTIUM_DATA at a folder that has it."
    )
