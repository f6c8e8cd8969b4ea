"""A search in a database: on real servers, which ask for a password."""

import importlib.util
import shutil
import tempfile
from pathlib import Path

import pytest

from nasturtium.errors import SearchError
from nasturtium.search.study.storage import open_storage
from tests.databases.servers import PACKAGES, PASSWORD, SERVERS, program
from tests.shared_search import assert_killed_loses_one, assert_two_share

pytestmark = pytest.mark.databases

DRIVERS = {"postgresql": "psycopg2", "mysql": "pymysql", "redis": "redis"}
VARIABLE = "NASTURTIUM_STORAGE_PASSWORD"


@pytest.fixture(scope="module", params=list(SERVERS))
def url(request):
    serve, needed = SERVERS[request.param]
    if program(needed) is None:
        pytest.skip(f"no {needed}: apt-get install {PACKAGES}")
    if importlib.util.find_spec(DRIVERS[request.param]) is None:
        pytest.skip(f"no driver {DRIVERS[request.param]}: make test-databases installs it")
    # pytest's own folders are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="nasturtium-"))
    try:
        with serve(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def password(monkeypatch):
    monkeypatch.setenv(VARIABLE, PASSWORD)


def test_two_workers_share_the_trials_without_a_duplicate(url, password, tmp_path):
    assert_two_share(tmp_path, url)


@pytest.mark.parametrize("step", ["claim", "train", "tell", "told"])
def test_a_killed_worker_loses_only_its_running_trial(url, password, tmp_path, step):
    assert_killed_loses_one(tmp_path, step, url)


@pytest.mark.parametrize("given", ["wrong-made-up", None])
def test_a_wrong_password_is_one_sentence_that_does_not_show_it(url, tmp_path, monkeypatch, given):
    if given:
        monkeypatch.setenv(VARIABLE, given)
    else:
        monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SearchError, match=r"search\.storage .* can't be opened") as caught:
        open_storage(url, tmp_path / "journal", "name")
    assert "wrong-made-up" not in str(caught.value)
    assert "\n" not in str(caught.value)
