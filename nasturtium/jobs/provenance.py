"""A job runs the code that was planned, on inputs that stay what they are; else it ends.

Snakemake plans with the digest of the code, and the job imports it later, perhaps much later: what
is edited in between would make results under the digest of other code. So each job compares the
code that it finds with the plan's, and every module again when it is imported.
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
# The same of the configuration and the code of all stages, for jobs that plan anew, on a cluster.
PLAN = "NASTURTIUM_PLAN"

_AGAIN = "run the same command again"


def announce_package(scripts: str | Path) -> None:
    """Tell the jobs to come what the package, and the scripts in a folder, are made of now.

    To be called before any digest of the code is taken.
    """
    os.environ[PACKAGE] = _Snapshot(scripts).digest


def announce_plan(plan: str, *, is_main: bool) -> None:
    """Tell jobs that plan anew what was planned; in such a job, compare it.

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
            f"would pass for those of the old ones; {_AGAIN}."
        )


class Importer(importlib.abc.MetaPathFinder):
    """Imports modules of the package, from their source and only as the plan knows it.

    Compiled files that Python keeps are passed over: it knows their source by size and second only.

    Parameters
    ----------
    code
        The planned digest.
    compute
        Gives the digest of what is there.
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
                f"is in {self._known.latest()}), and its results would pass for those of the old "
                f"code; {_AGAIN}."
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
    """All files of the package and all scripts at one moment."""

    def __init__(self, scripts: str | Path):
        paths = [*digest.PACKAGE.rglob("*"), *Path(scripts).glob("*")]
        self._files = {
            str(path): path.read_bytes()
            for path in sorted(paths)
            if path.suffix in (".py", ".json") and path.is_file()
        }
        whole = hashlib.sha256()
        for path, content in self._files.items():
            # Not the whole path: a cluster's nodes may see it elsewhere.
            whole.update(f"{Path(path).name}\0{len(content)}\0".encode())
            whole.update(content)
        self.digest = whole.hexdigest()

    def check(self, path: str, source: bytes) -> None:
        known = self._files.get(path)
        if known != source and (known is None or digest.meaning(known) != digest.meaning(source)):
            raise JobError(
                f"{path}: was changed while this job ran, and the results would pass for those of "
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
    """Compare the files that a job reads when it begins and when it has ended.

    Parameters
    ----------
    what
        Gives more that has to stay as it is.

    Raises
    ------
    JobError
        One was written meanwhile: nobody knows which content the results are of.
    """
    before, more = {path: _state(path) for path in paths}, what()
    yield
    changed = [path for path, state in before.items() if _state(path) != state]
    if changed or what() != more:
        raise JobError(
            f"{changed[0] if changed else 'A source file'}: was changed while this job read it, so "
            f"that its results may be of either content; {_AGAIN}."
        )


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        stat = Path(path).stat()
    except OSError:
        # The stage itself says what is wrong with it.
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
