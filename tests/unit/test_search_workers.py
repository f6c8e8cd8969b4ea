"""Workers that share a search: no net runs twice or is lost, whenever a worker is killed."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from nasturtium.errors import SearchError
from nasturtium.search.picks import mark_front, remove_models
from nasturtium.search.state import provenance_of, read_provenance
from nasturtium.search.state_access import gather_state, join_state, open_state
from nasturtium.search.study import shared_oracle
from nasturtium.search.study.storage import JournalLock, open_storage
from tests.shared_search import (
    SETTINGS,
    TRIALS,
    assert_killed_loses_one,
    assert_two_share,
    assert_whole,
    killed,
    oracle_of,
    recorded,
    work,
)


@pytest.mark.parametrize("storage", [None, "sqlite"])
def test_two_workers_share_the_trials_without_a_duplicate_and_none_is_lost(tmp_path, storage):
    assert_two_share(tmp_path / "state", f"sqlite:///{tmp_path}/study.sqlite" if storage else None)


@pytest.mark.parametrize("step", ["claim", "train", "tell", "told"])
def test_a_worker_that_is_killed_at_any_step_loses_only_its_running_trial(tmp_path, step):
    assert_killed_loses_one(tmp_path, step)


def test_what_a_lost_worker_began_is_tried_by_another_that_lives(tmp_path):
    killed(tmp_path, "train", after=2, worker=1)
    assert work(tmp_path, worker=0) == TRIALS - 2
    assert_whole(tmp_path)
    # The third trial is the largest net, by which every search begins; no one else would try it.
    assert max(row["parameters"] for row in recorded(tmp_path)) == 64
    assert work(tmp_path, worker=1) == 0
    with gather_state(tmp_path, "mark") as state:
        # Neither worker has written its own measurements.
        assert state.lost_workers() == [0, 1]
        (state.tables(1) / "energy.parquet").touch()
        assert state.lost_workers() == [0]


def test_more_trials_go_on_where_the_study_stands(tmp_path):
    work(tmp_path)
    assert work(tmp_path, settings={**SETTINGS, "trials": 10}) == 2
    assert_whole(tmp_path, 10)


def test_failures_count_until_their_worker_starts_again_and_forgets_them(tmp_path):
    fails = ("0003", "0004", "0005")
    with pytest.raises(RuntimeError, match="consecutive"):
        work(tmp_path, fails=fails)
    assert len(recorded(tmp_path)) == 6
    with join_state(tmp_path, "mark", 0) as state:
        state.forget(list(fails))
    assert work(tmp_path) == 5
    assert len(recorded(tmp_path)) == TRIALS
    assert all(row["status"] == "completed" for row in recorded(tmp_path))


def test_each_worker_has_a_sampler_of_its_own(tmp_path):
    seeds = {shared_oracle.sampler_seed(s, w, b) for s in (0, 1) for w in (0, 1) for b in (0, 4)}
    assert len(seeds) == 8
    assert shared_oracle.sampler_seed(0, 1, 4) == shared_oracle.sampler_seed(0, 1, 4)


def test_conditional_hyperparameters_are_asked_for_only_where_a_net_has_them(tmp_path):
    work(tmp_path)
    with join_state(tmp_path, "mark", 0) as state:
        study = oracle_of(state, 0)._study
        for trial in study.get_trials():
            if trial.values:
                # Ordered choices are told by their place.
                assert ("units_1" in trial.params) == (trial.params["layers"] == 1)


def test_a_worker_is_refused_where_it_runs_or_another_search_does(tmp_path):
    with join_state(tmp_path, "mark", 1):
        for take, said in (
            (lambda: join_state(tmp_path, "mark", 1), "worker 1 of this search is running already"),
            (lambda: join_state(tmp_path, "other", 2), "workers of a search with another space"),
            (lambda: open_state(tmp_path, "mark"), "another process is writing"),
        ):
            with pytest.raises(SearchError, match=said), take():
                pass
        with join_state(tmp_path, "mark", 2) as state:
            assert state.is_running(1)
            assert not state.is_running(3)


def test_stale_trials_and_their_study_are_never_taken_over(tmp_path):
    url = f"sqlite:///{tmp_path}/study.sqlite"
    folder = tmp_path / "state"
    work(folder, url=url)
    with gather_state(folder, "mark") as state:
        first = state.nonce
        state.finish(provenance_of({}, "code", 2))
    assert read_provenance(folder) == provenance_of({}, "code", 2)
    # A finished search starts again in the same database.
    assert work(folder, url=url) == TRIALS
    with join_state(folder, "another", 0) as state:
        assert state.recorded() == {}
        assert state.nonce != first
    said = "does not hold the trials of this search"
    with pytest.raises(SearchError, match=said), gather_state(folder, "mark"):
        pass


def test_the_reference_is_measured_by_one_worker_and_the_others_wait(tmp_path):
    calls, results, inside = [], [], threading.Event()

    def measure():
        calls.append(1)
        inside.set()
        threading.Event().wait(0.3)
        return {"loss": 0.5}

    def first(worker):
        with join_state(tmp_path, "mark", worker) as state:
            results.append(state.measured_once("reference", measure))

    threads = [threading.Thread(target=first, args=(worker,)) for worker in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert inside.is_set()
    assert len(calls) == 1
    assert results == [{"loss": 0.5}] * 2


def test_a_line_of_the_journal_that_was_cut_short_is_removed(tmp_path):
    journal = tmp_path / "state" / "study.journal"
    killed(tmp_path / "state", "train", after=1)
    with open(journal, "ab") as file:
        file.write(b'{"op_code": 5, "wor')
    work(tmp_path / "state")
    assert_whole(tmp_path / "state")
    for line in journal.read_text().splitlines():
        json.loads(line)


def test_the_journal_s_lock_goes_with_its_process(tmp_path):
    journal = tmp_path / "journal"
    journal.write_text("")
    process = os.fork()
    if process == 0:
        JournalLock(journal).acquire()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)
    lock = JournalLock(journal)
    lock.acquire()
    lock.release()


def test_of_equal_scores_every_worker_keeps_the_same_model(tmp_path):
    def rows(order):
        made_rows = []
        for name in order:
            path = tmp_path / name
            path.touch()
            made_rows.append(
                {
                    "trial": name,
                    "status": "completed",
                    "rung": 0,
                    "feasible": True,
                    "score": 1.0 if name != "c" else 2.0,
                    "validation_loss": 2.0 if name != "c" else 1.0,
                    "parameters": 2 if name != "c" else 1,
                    "on_pareto_front": False,
                    "model_path": str(path),
                }
            )
        return made_rows

    kept = []
    for order in ("abc", "bac", "cba"):
        found = rows(order)
        mark_front(found)
        remove_models(found, 1, 0)
        kept.append(sorted(path.name for path in tmp_path.iterdir()))
    # The front's model, and one of the two with the lowest score.
    assert kept == [["a", "c"]] * 3


PASSWORD = "xyzzy-made-up"


@pytest.mark.parametrize(
    "url", ["postgresql://nobody@localhost:1/none", "mysql+pymysql://nobody@localhost/none"]
)
def test_a_storage_that_can_t_be_opened_is_told_without_the_password(tmp_path, monkeypatch, url):
    import sqlalchemy

    monkeypatch.setenv("NASTURTIUM_STORAGE_PASSWORD", PASSWORD)

    def connect(url, **options):
        # The worst driver: its error repeats its input.
        assert PASSWORD not in str(url)
        raise RuntimeError(f"can't connect with {options['connect_args']}")

    monkeypatch.setattr(sqlalchemy, "create_engine", connect)
    monkeypatch.setattr("sqlalchemy.engine.create_engine", connect)
    with pytest.raises(SearchError) as caught:
        open_storage(url, tmp_path / "journal", "name")
    message = str(caught.value)
    assert PASSWORD not in message
    assert "***" in message
    assert url in message
    assert caught.value.__suppress_context__


def test_an_error_of_the_storage_later_on_does_not_show_the_password(monkeypatch):
    from nasturtium.search.study.password import password_hidden

    monkeypatch.setenv("NASTURTIUM_STORAGE_PASSWORD", PASSWORD)
    with pytest.raises(SearchError) as caught, password_hidden():
        raise OSError(f"lost postgresql://me:{PASSWORD}@host")
    assert PASSWORD not in str(caught.value)
    with pytest.raises(OSError, match="disk"), password_hidden():
        raise OSError("the disk is full")


def test_the_state_s_folder_is_all_that_workers_without_a_database_share(tmp_path):
    work(tmp_path)
    assert {path.name for path in Path(tmp_path).iterdir()} >= {"study.journal", "trials", "study"}
