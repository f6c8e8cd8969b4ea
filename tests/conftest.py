"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

import nasturtium  # noqa: F401  (chooses Keras 2 before any test imports TensorFlow)
from tests import default_signals

default_signals.restore()

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# A test that can't reach a server need not wait before it says so.
os.environ.setdefault("NASTURTIUM_RETRY_S", "")

ROOT = Path(__file__).parents[1]


# They share a study that takes a minute to make: see tests/workflow/conftest.py.
_OF_THE_FINISHED_STUDY = ("test_study", "test_reruns", "test_deploying", "test_damage_fuzz")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Under ``--dist loadscope``, give modules that share the finished study to one process.

    Modules that run Snakemake take longest, so they come first: begun last, one of them would run
    on while the other process has nothing left. The others come by their number of tests.
    """
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return "finished" if Path(scope).stem in _OF_THE_FINISHED_STUDY else scope

        def _assign_work_unit(self, node) -> None:
            if self._is_first:
                self._is_first = False
                ranked = sorted(self.workqueue.items(), key=_rank)
                self.workqueue.clear()
                self.workqueue.update(ranked)
            super()._assign_work_unit(node)

        _is_first = True

    return Scheduling(config, log)


def _rank(unit: tuple[str, dict[str, bool]]) -> tuple[bool, bool, int]:
    scope, tests = unit
    is_of_study = scope == "finished"
    return not is_of_study, "tests/workflow/" not in scope, -len(tests)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A folder with real source files, one folder a data set; tests without it are skipped."""
    folder = Path(os.environ.get("NASTURTIUM_TEST_DATA", ROOT.parent / "shared" / "datasets"))
    if not folder.is_dir():
        pytest.skip(f"no real source files: {folder} is missing, set NASTURTIUM_TEST_DATA")
    return folder
