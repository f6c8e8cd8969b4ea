"""Damaged state of a search never becomes a result: it is made again, or an error names it."""

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from nasturtium import metering
from nasturtium.errors import DamageError, SearchError
from nasturtium.metering.workers import note_machine
from nasturtium.models.files import load_model
from nasturtium.records.parquet import read_rows
from nasturtium.search import finishing
from nasturtium.search.state import SearchState
from nasturtium.search.state_access import gather_state, join_state, open_state
from nasturtium.search.trial import Training
from nasturtium.search.trials import Trials
from nasturtium.stages import nas
from tests.digits_data import digits_data
from tests.shared_search import SETTINGS as SHARED
from tests.shared_search import TRIALS, assert_whole, killed, oracle_of, outcome, recorded, work
from tests.unit.test_search import RUNGS, search

KINDS = ["empty", "zeroed", "cut", "flipped", "folder", "gone"]
# Each kind takes a path of its own through the code in few places only.
DAMAGES = [
    kind if kind in ("flipped", "gone") else pytest.param(kind, marks=pytest.mark.long)
    for kind in KINDS
]


def harm(path: Path, damage: str) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    path.unlink()
    if damage == "folder":
        (path / "inside").mkdir(parents=True)
    elif damage != "gone":
        changed = {
            "empty": b"",
            "zeroed": bytes(len(content)),
            "cut": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
        }
        path.write_bytes(changed[damage])


def trial_file(state, name="0003", file="trial.json") -> Path:
    return state / "trials" / f"trial_{name}" / file


# Several workers, without training: records, study and notes.


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_worker_runs_a_trial_again_whose_record_is_damaged(tmp_path, damage, caplog):
    work(tmp_path)
    before = {row["trial"]: row for row in recorded(tmp_path)}
    harm(trial_file(tmp_path), damage)
    if damage == "folder":
        assert trial_file(tmp_path).is_dir()
    assert work(tmp_path, worker=1) == 1
    assert_whole(tmp_path)
    assert "rial 0003 runs again" in caplog.text
    after = {row["trial"]: row for row in recorded(tmp_path)}
    assert after["0003"] == {**before["0003"], "worker": 1}
    assert work(tmp_path) == 0


def test_a_trial_s_folder_that_is_gone_or_a_file_is_run_again(tmp_path):
    work(tmp_path)
    shutil.rmtree(trial_file(tmp_path).parent)
    shutil.rmtree(trial_file(tmp_path, "0005").parent)
    trial_file(tmp_path, "0005").parent.write_text("no folder")
    assert work(tmp_path) == 2
    assert_whole(tmp_path)


def test_a_record_of_another_trial_or_search_is_not_taken(tmp_path, caplog):
    work(tmp_path / "one")
    shutil.copy(trial_file(tmp_path / "one", "0002"), trial_file(tmp_path / "one"))
    with join_state(tmp_path / "two", "other", 0) as state:
        state.record(outcome("0005", 0, {"units_0": 32, "layers": 1}), [])
    shutil.copy(trial_file(tmp_path / "two", "0005"), trial_file(tmp_path / "one", "0005"))
    assert work(tmp_path / "one") == 2
    assert_whole(tmp_path / "one")
    assert caplog.text.count("is the record of another trial") == 2


def test_a_record_that_may_not_be_read_is_not_thrown_away(tmp_path, monkeypatch):
    work(tmp_path)
    path, read = trial_file(tmp_path), Path.read_bytes

    def refused(self):
        if self == path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(self))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(DamageError, match="the disk reports an error"):
        recorded(tmp_path)
    assert path.exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_made_again_of_the_records(tmp_path, damage):
    killed(tmp_path, "train", after=5)
    rows = recorded(tmp_path)
    assert len(rows) == 5
    harm(tmp_path / "study.journal", damage)
    assert work(tmp_path, worker=1) == TRIALS - 5
    assert_whole(tmp_path)
    assert recorded(tmp_path)[:5] == rows
    # What the study was told of them it was told again.
    with join_state(tmp_path, "mark", 2) as state:
        study = oracle_of(state, 2)._study
        known = {t.user_attrs["name"]: t for t in study.get_trials() if t.values}
    for row in rows:
        trial = known[row["trial"]]
        assert trial.values == [row["validation_loss"], row["parameters"]]
        assert trial.constraints["parameters"] == row["parameters"] / 60 - 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_finished_study_s_lost_journal_trains_no_net_twice(tmp_path, damage):
    work(tmp_path)
    harm(tmp_path / "study.journal", damage)
    assert work(tmp_path) == 0
    assert_whole(tmp_path)


def test_every_flipped_bit_of_a_journal_is_noticed_or_harmless(tmp_path):
    work(tmp_path / "whole")
    content = (tmp_path / "whole" / "study.journal").read_bytes()
    for place in range(0, len(content), len(content) // 12):
        folder = tmp_path / f"at{place}"
        shutil.copytree(tmp_path / "whole", folder)
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        (folder / "study.journal").write_bytes(flipped)
        assert work(folder) == 0
        assert_whole(folder)


def test_a_study_that_a_database_lost_is_made_again(tmp_path):
    url = f"sqlite:///{tmp_path}/study.sqlite"
    work(tmp_path / "state", url=url)
    (tmp_path / "study.sqlite").unlink()
    assert work(tmp_path / "state", url=url) == 0
    assert work(tmp_path / "state", url=url, settings={**SHARED, "trials": 10}) == 2
    assert_whole(tmp_path / "state", 10)


def test_failures_and_their_names_survive_the_journal(tmp_path):
    work(tmp_path, fails=("0003",))
    harm(tmp_path / "study.journal", "gone")
    assert work(tmp_path) == 0
    assert [row["status"] for row in recorded(tmp_path)].count("failed") == 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_nonce_costs_no_trial(tmp_path, damage):
    work(tmp_path)
    harm(tmp_path / "study", damage)
    assert work(tmp_path, worker=1) == 0
    assert_whole(tmp_path)


@pytest.mark.parametrize("damage", DAMAGES[:-1])
def test_a_damaged_fingerprint_is_told_by_the_records(tmp_path, damage, caplog):
    work(tmp_path)
    harm(tmp_path / "fingerprint", damage)
    assert work(tmp_path) == 0
    assert_whole(tmp_path)
    assert "fingerprint is damaged" in caplog.text
    harm(tmp_path / "fingerprint", damage)
    with open_state(tmp_path, "other") as state:
        assert state.names() == []


def test_a_fingerprint_that_is_gone_is_said(tmp_path, caplog):
    work(tmp_path)
    harm(tmp_path / "fingerprint", "gone")
    assert work(tmp_path) == TRIALS
    assert "its file fingerprint is gone; the search starts anew" in caplog.text


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_end_of_a_search_by_workers_trains_nothing_again(tmp_path, damage):
    work(tmp_path)
    with gather_state(tmp_path, "mark") as state:
        state.finish({"of": "a", "workers": 2})
    harm(tmp_path / "finished", damage)
    assert work(tmp_path) == 0
    assert_whole(tmp_path)
    assert not (tmp_path / "finished").exists()


def test_forgetting_what_is_gone_is_no_error(tmp_path):
    with open_state(tmp_path, "mark") as state:
        state.record({"trial": "0000"}, [])
        state.forget(["0000", "0001"])
        state.forget(["0000"])
        assert state.recorded() == {}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_reference_is_named_and_not_measured_again(tmp_path, damage):
    with open_state(tmp_path, "mark") as state:
        state.measured_once("reference", lambda: {"loss": 1.5})
        harm(tmp_path / "reference.json", damage)
        if damage == "gone":
            pytest.skip("it is measured again, as at first")
        with pytest.raises(DamageError, match=r"reference\.json"):
            state.measured_once("reference", lambda: {"loss": 1.6})


# What the workers left is gathered.


class Gathered:
    """Replaces the search's trials in a gathering job, which only reads their rows."""

    def __init__(self, state):
        self.rows = [done["row"] for done in state.recorded().values()]
        self.epochs, self.ledger = [], SimpleNamespace(adopt_all=lambda: None)


@pytest.fixture
def gather(tmp_path, monkeypatch):
    """Two workers have ended in ``state``; gathers from it and returns the run's job windows."""
    state, results = tmp_path / "state", tmp_path / "results"
    for worker in (0, 1):
        work(state, worker)
        tables = state / "workers" / str(worker)
        note_machine(tables)
        with metering.session(sources=[], idle_s=0, key="nas") as meter:
            pass
        identity = {"dataset": "digits", "seed": 0, "run": "nas"}
        meter.write(
            tables / "energy.parquet", tables / "power.parquet", identity=identity, code="abc"
        )
        with join_state(state, "mark", worker) as joined:
            joined.note_end()
    monkeypatch.setattr(nas, "trials_of", lambda task, kept, meter: (Gathered(kept), {}))
    monkeypatch.setattr(nas, "promote", lambda trials: None)
    monkeypatch.setattr(nas, "breed", lambda trials: None)
    monkeypatch.setattr(nas, "finish", lambda trials: trials.rows[0])
    monkeypatch.setattr(nas, "covered", lambda rows: 1.0)
    monkeypatch.setattr(nas, "write_results", lambda *arguments: None)
    monkeypatch.setattr(nas, "write_picks", lambda *arguments: None)
    task = SimpleNamespace(
        fingerprint=lambda shared: "mark",
        run=SimpleNamespace(label="digits nas"),
        settings={"search": {"trials": TRIALS, "rungs": 1}},
        job=SimpleNamespace(folder=results, code="abc"),
    )

    def run() -> list[dict]:
        nas.gather(task, state, workers=2)
        rows = read_rows(results / "energy.parquet")
        return [row for row in rows if row["kind"] == "job"]

    return run


def test_what_all_workers_measured_is_gathered(gather):
    assert [row["worker"] for row in gather()] == [0, 1]


@pytest.mark.parametrize("table", ["energy.parquet", "power.parquet", "machine"])
@pytest.mark.parametrize("damage", ["flipped", "folder", "empty"])
def test_a_worker_s_damaged_table_is_left_out_and_said(gather, tmp_path, table, damage, caplog):
    harm(tmp_path / "state/workers/1" / table, damage)
    [row] = gather()
    assert row["worker"] == 0
    assert row["reason"].endswith("without worker 1, whose tables were damaged")
    assert f"workers/1/{table}" in caplog.text


def test_where_no_worker_s_table_is_whole_one_is_named(gather, tmp_path):
    for worker in (0, 1):
        harm(tmp_path / f"state/workers/{worker}/energy.parquet", "zeroed")
    with pytest.raises(DamageError, match=r"workers/0/energy\.parquet is damaged; remove it and"):
        gather()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_record_that_is_damaged_when_it_is_gathered_is_missed(gather, tmp_path, damage):
    state = tmp_path / "state"
    harm(trial_file(state), damage)
    with pytest.raises(SearchError, match=r"the records of 1 of 8 trials .*forcerun search_worker"):
        gather()
    assert not (tmp_path / "results").exists()
    # As it says.
    assert work(state) == 1
    gather()
    assert_whole(state)


# One process that trains: models and checkpoints.


@pytest.fixture(scope="module")
def digits():
    return digits_data(train=320, validation=80)


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory) -> tuple[Path, Trials]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, search(digits, folder, RUNGS)


@pytest.fixture
def ran(monkeypatch) -> list[tuple[str, int]]:
    """Which trial runs which rung from here on."""
    found, run = [], Trials.run_rung

    def count(self, row, rung, hyperparameters=None):
        found.append((row["trial"], rung))
        run(self, row, rung, hyperparameters)

    monkeypatch.setattr(Trials, "run_rung", count)
    return found


def copy(source: Path, folder: Path) -> Path:
    """A copy of a state, whose records name the models in it."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("oracle"))
    state = SearchState(folder)
    for done in state.recorded().values():
        for row in (done["row"], *done["rungs"]):
            if row.get("model_path"):
                row["model_path"] = row["model_path"].replace(str(source), str(folder))
        state.record(done["row"], done["epochs"], done["rungs"])
    return folder


@pytest.fixture
def copied(whole, tmp_path, ran) -> tuple[Path, Trials, list]:
    """A copy of a searched state."""
    return copy(whole[0], tmp_path / "state"), whole[1], ran


def finish(trials: Trials) -> dict | None:
    with metering.session(sources=[], idle_s=0) as meter:
        trials.measurer.meter = meter
        return finishing.finish(trials)


def equal(one: Trials, other: Trials) -> None:
    for name in ("hyperparameters", "validation_loss", "parameters", "epochs", "rung", "status"):
        assert [row[name] for row in one.rows] == [row[name] for row in other.rows]
    key = [(epoch["trial"], epoch["epoch"], epoch["loss"]) for epoch in other.epochs]
    assert sorted((e["trial"], e["epoch"], e["loss"]) for e in one.epochs) == sorted(key)


@pytest.mark.long
@pytest.mark.parametrize("damage", [*DAMAGES, "of another trial"])
def test_the_best_trial_s_model_is_made_again_where_it_is_damaged(digits, copied, damage, caplog):
    folder, undisturbed, ran = copied
    again = search(digits, folder, RUNGS)
    assert ran == []
    best = next(row for row in again.rows if row["rung"] == 2)
    path = Path(best["model_path"])
    kept = [weight.tobytes() for weight in load_model(path).get_weights()]
    if damage == "of another trial":
        others = [p for p in folder.glob("trials/*/model.keras") if p != path]
        shutil.copy(others[0], path)
    else:
        harm(path, damage)
    found = finish(again)
    assert found is best
    assert ran == [(best["trial"], rung) for rung in range(3)]
    assert [weight.tobytes() for weight in load_model(path).get_weights()] == kept
    assert again.state.has_model(best)
    assert f"{path} is damaged or gone" in caplog.text
    assert [row["best"] for row in again.rows].count(True) == 1
    equal(again, undisturbed)


@pytest.mark.long
def test_a_model_that_is_damaged_and_not_handed_on_is_named_no_more(digits, copied):
    folder, _, ran = copied
    again = search(digits, folder, RUNGS)
    finish(again)
    other = next(r for r in again.rows if r["model_path"] and not (r["best"] or r["picked_as"]))
    harm(Path(other["model_path"]), "zeroed")
    finish(again)
    assert other["model_path"] is None
    assert ran == []


@pytest.mark.long
@pytest.mark.parametrize("damage", ["empty", "flipped", "gone"])
def test_a_trial_whose_record_is_damaged_runs_again(digits, copied, damage):
    folder, undisturbed, ran = copied
    best = next(row["trial"] for row in undisturbed.rows if row["rung"] == 2)
    harm(trial_file(folder, best), damage)
    again = search(digits, folder, RUNGS)
    assert ran == [(best, rung) for rung in range(3)]
    equal(again, undisturbed)


@pytest.fixture(scope="module")
def interrupted(digits, tmp_path_factory) -> Path:
    """The state of a search that was cut before its last rung."""
    folder = tmp_path_factory.mktemp("cut")
    run = Trials.run_rung

    def cut(self, row, rung, hyperparameters=None):
        if rung == 2:
            raise KeyboardInterrupt
        run(self, row, rung, hyperparameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trials, "run_rung", cut)
        with pytest.raises(KeyboardInterrupt):
            search(digits, folder, RUNGS)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("damage", ["zeroed", "gone"])
def test_a_damaged_checkpoint_costs_its_trial_s_epochs_and_no_more(
    digits, tmp_path, whole, interrupted, damage, ran, caplog
):
    folder = copy(interrupted, tmp_path / "state")
    first, *others = sorted(folder.glob("trials/*/rung1.npz"))
    harm(first, damage)
    resumed = search(digits, folder, RUNGS)
    name = first.parent.name.removeprefix("trial_")
    assert [rung for trial, rung in ran if trial == name] == [2, 0, 1, 2]
    assert [rung for trial, rung in ran if trial != name] == [2] * len(others)
    assert f"trial {name} runs again" in caplog.text
    equal(resumed, whole[1])


@pytest.mark.long
def test_a_model_that_can_t_be_written_whole_ends_the_search(digits, copied, monkeypatch):
    folder, _, _ = copied
    again = search(digits, folder, RUNGS)
    monkeypatch.setattr(type(again.state), "has_model", lambda self, row: False)
    with pytest.raises(DamageError, match="is damaged right after it was written; check the disk"):
        finish(again)


@pytest.mark.long
def test_a_trial_that_can_t_be_made_again_is_not_exported(digits, copied, monkeypatch):
    folder, _, _ = copied
    again = search(digits, folder, RUNGS)
    best = next(row for row in again.rows if row["rung"] == 2)
    harm(Path(best["model_path"]), "zeroed")

    def fails(self, *arguments):
        raise MemoryError("none left")

    monkeypatch.setattr(Training, "train_rung", fails)
    found = finish(again)
    assert best["status"] == "failed"
    assert found is not best
    assert again.state.has_model(found)
