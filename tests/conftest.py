"""Shared by all tests."""

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


@pytest.fixture(scope="session")
def real_data() -> Path:
    """A folder with real source files, one folder a data set; tests without it are skipped."""
    folder = Path(os.environ.get("NASTURTIUM_TEST_DATA", ROOT.parent / "shared" / "datasets"))
    if not folder.is_dir():
        pytest.skip(f"no real source files: {folder} is missing, set NASTURTIUM_TEST_DATA")
    return folder
