"""A job runs the planned code on inputs that do not change; otherwise it ends.

Snakemake plans with the digest of the code, and the job imports the code later, perhaps much later.
If it was edited in between, the results would carry the digest of other code. So each job compares
the code with the plan, and every module again when it is imported.
"""

import hashlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nasturtium import digest
from nasturtium.errors import JobError

# Digest of every file of the package as it was when Snakemake planned; scripts inherit it.
PACKAGE = "NASTURTIUM_PACKAGE"
# The same for the configuration and the code of all stages, for jobs that plan again, on a cluster.
PLAN = "NASTURTIUM_PLAN"

_AGAIN = "run the same command again"


def announce_package(scripts: str | Path) -> None:
    """Record for later jobs what the package, and the scripts in a folder, contain now.

    To be called before any digest of the code is taken.
    """
    os.environ[PACKAGE] = _Snapshot(scripts).digest


def announce_plan(plan: str, *, is_main: bool) -> None:
    """Record what was planned for jobs that plan again; in such a job, compare it.

    Raises
    ------
    JobError
        The configuration or the code is not what the study was planned with.
    """
    planned = hashlib.sha256(plan.encode()).hexdigest()
    if is_main:
        os.environ[PLAN] = planned
    elif os.environ.get(PLAN, planned) != planned:
        raise JobError(
            "The configuration or the code was changed after this run was planned, and its results "
            f"would look like those of the old ones; {_AGAIN}."
        )


class Importer(importlib.abc.MetaPathFinder):
    """Imports modules of the package from their source, and only if it equals the planned one.

    Python's compiled files are ignored: they identify their source only by size and second.

    Parameters
    ----------
    code
        The planned digest.
    compute
        Returns the current digest.
    scripts
        Folder of the scripts.

    Raises
    ------
    JobError
        The code of the stage was changed since it was planned.
    """

    def __init__(self, code: str, compute: Callable[[], str], scripts: str | Path):
        self._known = _Snapshot(scripts)
        if self._known.digest != os.environ.get(PACKAGE) and compute() != code:
            raise JobError(
                "The code of this stage was changed after this run was planned (the latest change "
                f"is in {self._known.latest()}), and its results would look like those of "
                f"the old code; {_AGAIN}."
            )

    def find_spec(self, name: str, path: object, target: object = None):
        """Take part in the import of the package's modules."""
        if not name.startswith(f"{digest.PACKAGE.name}."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
            spec.loader.check = self._known.check
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    check: Callable[[str, bytes], None]

    def get_code(self, fullname: str):
        source = self.get_data(self.path)
        self.check(self.path, source)
        return self.source_to_code(source, self.path)


class _Snapshot:
    """All files of the package and all scripts, read at one time."""

    def __init__(self, scripts: str | Path):
        paths = [*digest.PACKAGE.rglob("*"), *Path(scripts).glob("*")]
        self._files = {
            str(path): path.read_bytes()
            for path in sorted(paths)
            if path.suffix in (".py", ".json") and path.is_file()
        }
        whole = hashlib.sha256()
        for path, content in self._files.items():
            # Not the whole path: on a cluster's nodes it may differ.
            whole.update(f"{Path(path).name}\0{len(content)}\0".encode())
            whole.update(content)
        self.digest = whole.hexdigest()

    def check(self, path: str, source: bytes) -> None:
        known = self._files.get(path)
        if known != source and (known is None or digest.meaning(known) != digest.meaning(source)):
            raise JobError(
                f"{path}: was changed while this job ran, and its results would look like those of "
                f"the old code; {_AGAIN}."
            )

    def latest(self) -> str:
        return max(self._files, key=lambda path: os.stat(path).st_mtime_ns)


@contextmanager
def only_as_planned(code: str, compute: Callable[[], str], scripts: str | Path) -> Iterator[None]:
    """Import modules in the block by an :class:`Importer`."""
    importer = Importer(code, compute, scripts)
    sys.meta_path.insert(0, importer)
    try:
        yield
    finally:
        sys.meta_path.remove(importer)


@contextmanager
def unchanged(paths: Iterable[str], what: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Compare the files that a job reads at its start and at its end.

    Parameters
    ----------
    what
        Returns further content that must not change.

    Raises
    ------
    JobError
        A file was written in between, so it is not known from which content the results come.
    """
    before, more = {path: _state(path) for path in paths}, what()
    yield
    changed = [path for path, state in before.items() if _state(path) != state]
    if changed or what() != more:
        raise JobError(
            f"{changed[0] if changed else 'A source file'}: was changed while this job read it, so "
            f"its results may come from the old or the new content; {_AGAIN}."
        )


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        stat = Path(path).stat()
    except OSError:
        # The stage itself reports the problem.
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
