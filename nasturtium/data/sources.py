"""Published source files: downloaded if they are missing, and always checked."""

import hashlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# For the connection, and for every pause without data.
_TIMEOUT_S = 30


@dataclass(frozen=True)
class SourceFile:
    """A published file, its SHA-256 and its addresses."""

    name: str
    sha256: str
    urls: tuple[str, ...]


def data_folder(dataset: str) -> Path:
    """The folder of a data set's source files, in ``$NASTURTIUM_DATA`` or in ``data``."""
    return Path(os.environ.get("NASTURTIUM_DATA", "data")) / dataset


def fetch(dataset: str, source: SourceFile) -> Path:
    """The path of ``source`` in the data folder. A missing file is downloaded.

    Raises
    ------
    DataError
        The file has another checksum, or is missing and can't be downloaded. A broken download
        is never kept.
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
    """Try one address after another until one sends the file; repeat this after each pause."""
    import pooch
    import requests

    reasons: dict[str, str] = {}
    for wait_s in (0.0, *waits_s()):
        if wait_s:
            logger.info("%s: trying again in %g s", path.name, wait_s)
            time.sleep(wait_s)
        for url in source.urls:
            logger.info("Downloading %s", url)
            try:
                # pooch writes a temporary file, and moves it when its checksum is right.
                pooch.retrieve(
                    url,
                    known_hash=f"sha256:{source.sha256}",
                    fname=path.name,
                    path=path.parent,
                    downloader=pooch.HTTPDownloader(
                        timeout=_TIMEOUT_S, hooks={"response": refuse_plain_text}
                    ),
                )
            except requests.exceptions.InvalidSchema as error:
                reasons[url] = f"{error}, which is not encrypted"
            except (requests.RequestException, OSError) as error:
                reasons[url] = _reason(error)
            except ValueError:
                # pooch raises this if the checksum is wrong.
                reasons[url] = "sent a file that is not the published one, or is not complete"
            else:
                return
            logger.warning("%s: %s", url, reasons[url])
    tried = "; ".join(f"{url}: {reason}" for url, reason in reasons.items())
    raise DataError(
        f"{path}: is missing and could not be downloaded ({tried or 'no address is known'}); put "
        "the file there by hand, or set data_dir or NASTURTIUM_DATA to a folder that has it."
    )


def refuse_plain_text(response, *args: object, **kwargs: object) -> None:
    """Hook for requests: raise InvalidSchema if HTTPS redirects to another protocol."""
    import requests

    if not (response.is_redirect and response.url.startswith("https:")):
        return
    target = requests.compat.urljoin(response.url, response.headers["location"])
    if not target.startswith("https:"):
        raise requests.exceptions.InvalidSchema(f"{response.url} redirects to {target}")


def waits_s() -> list[float]:
    """Seconds before each new round of attempts: NASTURTIUM_RETRY_S, by default 2,8,30.

    Raises
    ------
    DataError
        The variable does not hold seconds separated by commas.
    """
    text = os.environ.get("NASTURTIUM_RETRY_S", "2,8,30")
    try:
        waits = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        waits = [-1.0]
    if not all(0 <= wait <= 3600 for wait in waits):
        raise DataError(
            f"Environment variable NASTURTIUM_RETRY_S must hold seconds from 0 to 3600, separated "
            f"by commas, not {text!r}."
        )
    return waits


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"answered {response.status_code} {response.reason}".rstrip()
    return type(error).__name__
