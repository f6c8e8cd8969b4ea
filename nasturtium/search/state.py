"""What a search has done so far, on disk: an interrupted one goes on where it stopped.

Every trial that ended is one file. A resumed search asks its oracle anew and takes the recorded
outcome of each trial that it proposes again; oracles are deterministic, so that it arrives where
it was, and goes on as if nothing had happened. Nothing of an oracle has to be stored for that.
"""

import fcntl
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nasturtium.errors import SearchError
from nasturtium.records.atomic import atomic_path

logger = logging.getLogger(__name__)

_FINISHED = "finished"


def fingerprint(**parts: object) -> str:
    """Hexadecimal SHA-256 of everything that decides what a search's trials are."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class SearchState:
    """The folder of one search: ``trials/trial_{name}/`` with the trial's record and model."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.trials = folder / "trials"

    def record(self, row: Mapping, epochs: list[Mapping]) -> None:
        """Write down that a trial has ended: its row and those of its epochs."""
        text = json.dumps({"row": row, "epochs": epochs})
        with atomic_path(self.trials / f"trial_{row['trial']}" / "trial.json") as temporary:
            temporary.write_text(text)

    def recorded(self) -> dict[str, dict]:
        """``{"row": ..., "epochs": [...]}`` of each trial that ended, by its name."""
        found = {}
        for path in sorted(self.trials.glob("trial_*/trial.json")):
            done = json.loads(path.read_text())
            found[done["row"]["trial"]] = done
        return found

    def forget(self, names: list[str]) -> None:
        """Remove trials that the search will run in another way."""
        for name in names:
            shutil.rmtree(self.trials / f"trial_{name}")

    def once(self, name: str, compute: Callable[[], object]) -> object:
        """What ``compute`` gave when the search first asked for it; JSON values only.

        The reference values of an objective are measured: a second measurement would move the
        scores of later trials against those of earlier ones.
        """
        path = self.folder / f"{name}.json"
        if not path.exists():
            text = json.dumps(compute())
            with atomic_path(path) as temporary:
                temporary.write_text(text)
        return json.loads(path.read_text())

    def finish(self) -> None:
        """The search's results are written: the next one starts anew."""
        with atomic_path(self.folder / _FINISHED) as temporary:
            temporary.write_text("")


@contextmanager
def open_state(folder: str | Path, mark: str) -> Iterator[SearchState]:
    """The state in ``folder`` for the search with the fingerprint ``mark``, locked.

    It is emptied unless it belongs to an interrupted search with the same fingerprint. The lock
    goes with the process, however that ends.

    Raises
    ------
    SearchError
        Another process holds it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SearchError(
                f"{folder}: another process is writing this search's state; wait until it has "
                "ended, or stop it, and run the same command again."
            ) from error
        _take_over(folder, mark)
        yield SearchState(folder)


def _take_over(folder: Path, mark: str) -> None:
    """Empty the folder, but for the lock, where what it holds is not to be resumed."""
    written = folder / "fingerprint"
    known = written.read_text() if written.exists() else None
    if known == mark and not (folder / _FINISHED).exists():
        return
    if known is not None and known != mark:
        logger.info("%s: made for another space, objective, data set or code; starts anew.", folder)
    for path in folder.iterdir():
        if path.name == "lock":
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    with atomic_path(written) as temporary:
        temporary.write_text(mark)
