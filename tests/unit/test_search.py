"""The search: spaces, distinct proposals, owned trials; failures are rows."""

import json
import time
from types import SimpleNamespace

import keras_tuner
import numpy as np
import pytest

from nasturtium import metering
from nasturtium.data.catalog import describe
from nasturtium.data.splits import Split, TrainingData
from nasturtium.deployment.convert import convert_full_integer
from nasturtium.errors import SearchError, StorageError
from nasturtium.metering.clock import Clock
from nasturtium.metering.devices.nvml import open_gpus
from nasturtium.models.files import load_model
from nasturtium.models.search_space import LEARNING_RATE, build_net, make_space
from nasturtium.search.finishing import finish
from nasturtium.search.measurer import Measurer
from nasturtium.search.picks import make_standard, mark_best, mark_picks
from nasturtium.search.run import make_trials, oracle_of, run_trials
from nasturtium.search.rungs import promoted
from nasturtium.search.state import SearchState
from nasturtium.search.state_access import open_state
from nasturtium.search.trial import Training
from nasturtium.search.trials import Trials
from nasturtium.search.tuner import TrialTuner
from nasturtium.settings.devices import with_device
from nasturtium.settings.rungs import affordable_nets, rung_epochs, spent_epochs
from nasturtium.statistics.pareto import hypervolume, pareto_front
from nasturtium.training.fit import evaluate, fit
from nasturtium.training.frame_statistics import frame_of
from tests.digits_data import digits_data
from tests.nvml_fake import Board, FakeNvml, constant, installed

SETTINGS = {
    "tuner": "greedy",
    "trials": 4,
    "epochs": 3,
    "max_consecutive_failures": 5,
    "objective": {"validation_loss": 1.0, "parameters": 0.1, "inference_energy": 0.0},
    "families": ["plain"],
    "filters": [2, 4],
    "kernel_sizes": [3],
    "conv_blocks": [1],
    "units": [4, 8],
    "dense_layers": [1],
    "learning_rates": [0.01, 0.003],
    "latency_runs": 5,
}
RECIPE = {
    "epochs": 3,
    "batch_size": 16,
    "optimizer": "adam",
    "learning_rate": None,
    "schedule": "constant",
    "weight_decay": 0.0,
}
PRUNING = {
    "warm_up": 0.1,
    "recovery": 0.3,
    "importance": "l2",
    "round_to": 1,
    "search_method": "channels",
}


@pytest.fixture(scope="module")
def digits() -> TrainingData:
    return digits_data(train=320, validation=80)


def search(
    data, folder, settings=SETTINGS, pruning=None, spoil=None, sources=(), watch=None
) -> Trials:
    ratios = settings.get("pruning_ratios", [0.3]) if pruning else []
    space = make_space(frame_of(data), settings, ratios)
    reference = {"validation_loss": 1.0, "parameters": 1000, "training_energy_j": 10.0}
    with metering.session(sources=list(sources), idle_s=0) as meter:
        trials = make_trials(
            settings,
            space,
            data,
            {**RECIPE, "epochs": settings["epochs"]},
            pruning=pruning,
            measurer=Measurer(meter, settings, baseline=folder / "no-baseline.keras"),
            reference=reference,
            reasons={},
            state=SearchState(folder),
            seed=0,
            label="test",
            tuner=settings["tuner"],
        )
        run = None if spoil is None else lambda *arguments: spoil(trials, *arguments)
        oracle = oracle_of(settings, settings["tuner"], trials, {})
        run_trials(trials, oracle, folder / "oracle", run)
    if watch is not None:
        watch(meter)
    return trials


@pytest.fixture(scope="module")
def searched(digits, tmp_path_factory) -> Trials:
    return search(digits, tmp_path_factory.mktemp("search"))


def test_the_list_of_all_trials_is_not_written_for_each_of_them(searched):
    # KerasTuner writes it twice a trial, and it grows with every one.
    assert not list((searched.state.folder / "oracle").rglob("oracle.json"))


def test_every_hyperparameter_is_known_before_the_first_trial(searched):
    names = [set(json.loads(row["hyperparameters"])) for row in searched.rows]
    assert all(name == names[0] for name in names)
    assert LEARNING_RATE in names[0]


def test_trials_differ_in_more_than_one_place_over_a_search(searched):
    values = [json.loads(row["hyperparameters"]) for row in searched.rows]
    changed = {key for one in values for key in one if one[key] != values[0][key]}
    assert len(searched.rows) == 4
    # An oracle that draws the same at every trial would move the same hyperparameter only.
    assert len(changed) > 1


def test_a_trial_s_seed_does_not_reach_the_oracle_s_generator():
    tuner = object.__new__(TrialTuner)
    tuner.oracle = None
    tuner._count = 0
    # Every trial seeds NumPy anew; the greedy oracle draws from the same generator.
    tuner._run = lambda *_: np.random.seed(0) or 0.5  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    expected = np.random.random(2)[1]  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    np.random.random()  # noqa: NPY002
    tuner.run_trial(SimpleNamespace(trial_id="0", hyperparameters=None))
    assert np.random.random() == expected  # noqa: NPY002


def test_the_best_trial_has_the_lowest_score_and_its_file_is_the_kept_epoch(searched, digits):
    best = finish(searched)
    assert best["score"] == min(row["score"] for row in searched.rows)
    assert [row["best"] for row in searched.rows].count(True) == 1
    assert any(row["on_pareto_front"] for row in searched.rows)
    model = load_model(best["model_path"])
    assert model.count_params() == best["parameters"]
    loss = evaluate(model, digits.description, digits.validation)["loss"]
    assert loss == pytest.approx(best["validation_loss"], rel=1e-5)


def test_the_exported_net_keeps_to_the_device_s_flash_and_ram(searched, digits, tmp_path):
    assert all(row.get("tflite_int8_bytes") is None for row in searched.rows)
    limits = with_device({"device": {"flash_bytes": 10**9}, "constraints": {"int8_ram": 10**9}})
    wide = search(digits, tmp_path / "wide", {**SETTINGS, "constraints": limits["constraints"]})
    needed = {row["trial"]: row["tflite_int8_bytes"] for row in wide.rows}
    assert len(set(needed.values())) > 1
    assert all(row["tflite_int8_arena_bytes"] > 0 for row in wide.rows)
    unbound, least = finish(wide), min(needed.values())
    bound = {**SETTINGS, "trials": 1, "constraints": {"int8_flash": least}}
    best = finish(search(digits, tmp_path / "bound", bound))
    assert best["tflite_int8_bytes"] == least
    assert unbound["score"] <= best["score"]
    # What was asked for is what the file takes that is converted with real samples.
    model = load_model(best["model_path"])
    content, _ = convert_full_integer(model, digits.train.features)
    assert len(content) == least


def test_scores_are_the_objective_s(searched):
    for row in searched.rows:
        expected = np.log(row["validation_loss"]) + 0.1 * np.log(row["parameters"] / 1000)
        assert row["score"] == pytest.approx(expected)
        assert row["score_terms"] == ["parameters", "validation_loss"]
        assert row["training_energy_j"] is None
        assert row["training_energy_method"] == "none"
        assert row["training_energy_reason"]


def test_a_trial_s_joules_are_those_of_its_time_and_count_in_its_score(digits, tmp_path):
    settings = {
        **SETTINGS,
        "trials": 2,
        "objective": {**SETTINGS["objective"], "training_energy": 0.5},
    }
    found = {}

    def watch(meter):
        for kind in ("job", "trial", "fit"):
            windows = meter.closed_windows(kind)
            found[kind] = [(meter.energy(w), w.duration_s) for w in windows]

    with installed(FakeNvml(Clock(), [Board(constant(200.0))])):
        sources, _ = open_gpus()
        trials = search(digits, tmp_path, settings, sources=sources, watch=watch)
    quantum_j = 200.0 * 0.1
    for row, (energy, duration_s) in zip(trials.rows, found["fit"], strict=True):
        assert row["training_energy_j"] == energy.energy_j
        assert row["training_energy_j"] == pytest.approx(200.0 * duration_s, abs=2 * quantum_j)
        assert row["training_energy_method"].startswith("nvml")
        expected = (
            np.log(row["validation_loss"])
            + 0.1 * np.log(row["parameters"] / 1000)
            + 0.5 * np.log(row["training_energy_j"] / 10.0)
        )
        assert row["score"] == pytest.approx(expected)
    ((job, job_s),) = found["job"]
    between_s = job_s - sum(duration_s for _, duration_s in found["trial"])
    in_trials_j = sum(energy.energy_j for energy, _ in found["trial"])
    assert in_trials_j + 200.0 * between_s == pytest.approx(job.energy_j, abs=6 * quantum_j)


def test_every_trial_s_epochs_are_kept(searched):
    names = [row["trial"] for row in searched.rows]
    assert [epoch["trial"] for epoch in searched.epochs] == [n for n in names for _ in range(3)]


def test_trials_of_a_pruning_search_are_pruned_and_judged_after_compaction(digits, tmp_path):
    trials = search(digits, tmp_path, {**SETTINGS, "trials": 2}, PRUNING)
    for row in trials.rows:
        assert row["status"] == "completed", row["reason"]
        assert row["parameters"] < row["parameters_before_compaction"]
        assert row["reached_ratio"] >= 0.3
        assert load_model(row["model_path"]).count_params() == row["parameters"]


def test_a_failed_trial_is_a_row_with_its_reason_and_the_search_goes_on(digits, tmp_path):
    def spoil(trials, number, name, hyperparameters):
        if number == 1:
            trials.measurer.saved = None  # any defect of ours or of a library's
        try:
            return trials(number, name, hyperparameters)
        finally:
            trials.measurer.__dict__.pop("saved", None)

    trials = search(digits, tmp_path, {**SETTINGS, "trials": 3}, spoil=spoil)
    assert [row["status"] for row in trials.rows] == ["completed", "failed", "completed"]
    assert "TypeError" in trials.rows[1]["reason"]
    assert trials.rows[1].get("score") is None
    assert finish(trials)["number"] in (0, 2)


def test_an_interruption_is_not_hidden_by_another_error(digits, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    def spoil(trials, number, name, hyperparameters):
        trials.measurer.saved = interrupt
        return trials(number, name, hyperparameters)

    with pytest.raises(KeyboardInterrupt):
        search(digits, tmp_path, spoil=spoil)


def test_a_full_disk_ends_a_search_and_is_no_fault_of_the_trial(digits, tmp_path):
    tried = []

    def full(*_):
        raise StorageError("model.keras could not be written: the disk is full.")

    def spoil(trials, number, name, hyperparameters):
        tried.append(name)
        if number == 1:
            trials.measurer.saved = full
        return trials(number, name, hyperparameters)

    with pytest.raises(StorageError, match="the disk is full"):
        search(digits, tmp_path, {**SETTINGS, "trials": 4}, spoil=spoil)
    assert len(tried) == 2
    # The trial has no record, so it is run again once there is space.
    assert list(SearchState(tmp_path).recorded()) == tried[:1]


def test_a_search_in_which_all_fails_ends_with_one_sentence(digits, tmp_path):
    def spoil(trials, number, name, hyperparameters):
        raise MemoryError("no memory left")

    with pytest.raises(SearchError, match="too many failed trials in a row"):
        search(digits, tmp_path, {**SETTINGS, "max_consecutive_failures": 2}, spoil=spoil)


def test_a_small_space_is_exhausted_without_trying_a_net_twice(digits, tmp_path):
    settings = {
        **SETTINGS,
        "trials": 50,
        "filters": [2],
        "units": [4],
        "learning_rates": [0.01],
        "epochs": 1,
    }
    counted = []

    def spoil(trials, number, name, hyperparameters):
        counted.append(trials.space.signature(hyperparameters.values))
        return float(number)

    search(digits, tmp_path, settings, spoil=spoil)
    assert len(counted) == len(set(counted))
    assert 4 < len(counted) < 50


@pytest.mark.long
@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband", "pareto"])
def test_every_oracle_finds_distinct_nets_and_comes_to_an_end(digits, tmp_path, tuner):
    settings = {
        **SETTINGS,
        "tuner": tuner,
        "trials": 4,
        "constraints": {},
        "pareto": {"sampler": "nsga2"},
    }
    trials = search(digits, tmp_path, settings)
    assert [row["status"] for row in trials.rows] == ["completed"] * 4
    assert [row["trial"] for row in trials.rows] == ["0000", "0001", "0002", "0003"]
    assert finish(trials)["score"] == min(row["score"] for row in trials.rows)
    if tuner == "hyperband":
        assert min(row["epochs"] for row in trials.rows) < 3
    else:
        values = [json.loads(row["hyperparameters"]) for row in trials.rows]
        assert len({trials.space.signature(one) for one in values}) == 4


PARETO = {
    **SETTINGS,
    "tuner": "pareto",
    "epochs": 1,
    "constraints": {},
    "pareto": {"sampler": "tpe"},
}


def test_pareto_starts_from_the_corners(digits, tmp_path):
    settings = {**PARETO, "trials": 3, "filters": [2, 4, 8], "units": [4, 8, 16]}
    trials = search(digits, tmp_path, settings)
    middle, smallest, largest = (row["parameters"] for row in trials.rows)
    assert smallest < middle < largest


def test_only_what_a_net_has_is_asked_for_and_equal_nets_are_known_unbuilt(digits):
    settings = {**SETTINGS, "dense_layers": [1, 2], "units": [4, 8, 16]}
    space = make_space(frame_of(digits), settings, [])
    asked = keras_tuner.HyperParameters()
    asked.values["body/dense_layers"] = 1
    values = space.suggest(asked)
    assert "body/units_0" in asked.values
    assert "body/units_1" not in asked.values
    assert "body/units_1" in values
    assert space.signature({**values, "body/units_1": 4}) == space.signature(values)
    assert space.signature({**values, "body/units_0": 4}) != space.signature(values)
    for changed in ({"body/dense_layers": 2}, {LEARNING_RATE: 0.003}):
        assert space.signature({**values, **changed}) != space.signature(values)


def test_a_constraint_is_respected(digits, tmp_path):
    free = search(digits, tmp_path / "free", {**PARETO, "trials": 6})
    best = finish(free)["parameters"]
    # Just below the value that it would choose otherwise.
    most = sorted(row["parameters"] for row in free.rows)[1]
    settings = {**PARETO, "trials": 6, "constraints": {"parameters": most}}
    trials = search(digits, tmp_path / "bound", settings)
    assert finish(trials)["parameters"] <= most
    assert {row["feasible"] for row in trials.rows} == {True, False}
    assert all(row["feasible"] == (row["parameters"] <= most) for row in trials.rows)
    assert best > 0


@pytest.mark.parametrize("tuner", ["pareto", pytest.param("greedy", marks=pytest.mark.long)])
def test_a_resumed_search_takes_what_is_done_and_ends_where_it_would_have(digits, tmp_path, tuner):
    settings = {**PARETO, "tuner": tuner, "trials": 5}
    whole = search(digits, tmp_path / "whole", settings)

    def stop(trials, number, name, hyperparameters):
        if number == 3:
            raise KeyboardInterrupt
        return trials(number, name, hyperparameters)

    ran = []

    def watch(trials, number, name, hyperparameters, ran=ran):
        before = len(list(trials.state.trials.glob("*/trial.json")))
        score = trials(number, name, hyperparameters)
        if len(list(trials.state.trials.glob("*/trial.json"))) > before:
            ran.append(number)
        return score

    ran.clear()
    with pytest.raises(KeyboardInterrupt):
        search(digits, tmp_path / "cut", settings, spoil=stop)
    resumed = search(digits, tmp_path / "cut", settings, spoil=watch)
    assert ran == [3, 4]
    for name in ("hyperparameters", "validation_loss", "parameters", "hypervolume"):
        assert [row[name] for row in resumed.rows] == [row[name] for row in whole.rows]
    assert len(resumed.epochs) == len(whole.epochs)


@pytest.mark.long
def test_only_the_best_and_the_front_stay_on_disk(digits, tmp_path):
    trials = search(digits, tmp_path, {**PARETO, "trials": 7, "keep": 1})
    best = finish(trials)
    for row in trials.rows:
        kept = row is best or row["on_pareto_front"]
        assert (row["model_path"] is not None) == kept
    models = sorted(str(path) for path in tmp_path.rglob("model.keras"))
    assert models == sorted(row["model_path"] for row in trials.rows if row["model_path"])
    assert len(models) < 7
    assert all(row["rss_bytes"] > 1e8 for row in trials.rows)


@pytest.mark.long
def test_the_hypervolume_only_grows_and_is_counted_from_a_recorded_point(digits, tmp_path):
    trials = search(digits, tmp_path, {**PARETO, "trials": 6})
    volumes = [row["hypervolume"] for row in trials.rows]
    assert volumes == sorted(volumes)
    assert volumes[0] > 0
    assert {row["hypervolume_reference_loss"] for row in trials.rows} == {10.0}
    assert {row["hypervolume_reference_parameters"] for row in trials.rows} == {10_000.0}


def test_a_ratio_of_zero_is_a_trial_without_pruning(digits, tmp_path):
    assert make_space(frame_of(digits), SETTINGS, [0, 0.5]).middle()["pruning_ratio"] == 0.5
    settings = {**SETTINGS, "trials": 1, "pruning_ratios": [0]}
    (row,) = search(digits, tmp_path, settings, PRUNING).rows
    assert row["status"] == "completed", row["reason"]
    assert row["pruning_ratio"] == 0
    assert row["parameters"] == row["parameters_before_compaction"]


@pytest.mark.parametrize("error", [MemoryError("none left"), "nan"])
def test_a_trial_without_memory_or_with_a_loss_that_diverges_is_a_row(
    digits, tmp_path, error, monkeypatch
):
    def spoil(trials, number, name, hyperparameters):
        if number == 1 and error == "nan":
            hyperparameters.values[LEARNING_RATE] = 1e30
        elif number == 1:
            monkeypatch.setattr(Training, "train_rung", lambda *_: (_ for _ in ()).throw(error))
        try:
            return trials(number, name, hyperparameters)
        finally:
            monkeypatch.undo()

    trials = search(digits, tmp_path, {**SETTINGS, "trials": 3}, spoil=spoil)
    assert [row["status"] for row in trials.rows] == ["completed", "failed", "completed"]
    said = "no epoch" if error == "nan" else "MemoryError: none left"
    assert said in trials.rows[1]["reason"]


def test_state_is_resumed_for_the_same_search_only(tmp_path):
    def trial(state) -> dict:
        state.record({"trial": "0000"}, [])
        return state.recorded()

    with open_state(tmp_path, "a") as state:
        assert list(trial(state)) == ["0000"]
        with pytest.raises(SearchError, match="another process"), open_state(tmp_path, "a"):
            pass
    with open_state(tmp_path, "a") as state:
        assert list(state.recorded()) == ["0000"]
    with open_state(tmp_path, "b") as state:
        assert state.recorded() == {}
        trial(state)
        state.finish()
    with open_state(tmp_path, "b") as state:
        assert state.recorded() == {}


def test_what_was_measured_once_is_not_measured_again(tmp_path):
    with open_state(tmp_path, "a") as state:
        assert state.measured_once("reference", lambda: [{"x": 0.1}, {}]) == [{"x": 0.1}, {}]
        assert state.measured_once("reference", lambda: 1 / 0) == [{"x": 0.1}, {}]


def test_front_and_hypervolume_agree_with_brute_force():
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = [tuple(point) for point in rng.integers(0, 12, (8, 2)).astype(float)]
        cells = {
            (x, y)
            for x in range(10)
            for y in range(10)
            if any(a <= x and b <= y for a, b in points)
        }
        assert hypervolume(points, (10, 10)) == len(cells)
        for point, on_front in zip(points, pareto_front(points), strict=True):
            beaten = any(o[0] <= point[0] and o[1] <= point[1] and o != point for o in points)
            assert on_front != beaten


def test_a_tabular_space_gives_values_in_the_target_s_unit():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 10)).astype(np.float32)
    targets = (1000 + 10 * features[:, 0]).astype(np.float32)
    split = Split(features, targets)
    data = TrainingData(describe("diabetes"), split, split)
    space = make_space(frame_of(data), SETTINGS, [])
    model = space.build(keras_tuner.HyperParameters())
    assert model(features).numpy().mean() == pytest.approx(1000, abs=30)


RUNGS = {**SETTINGS, "tuner": "random", "trials": 6, "epochs": 9, "rungs": 3, "pareto": {}}


@pytest.fixture(scope="module")
def in_rungs(digits, tmp_path_factory) -> Trials:
    return search(digits, tmp_path_factory.mktemp("rungs"), RUNGS)


def test_many_nets_get_few_epochs_and_a_few_of_them_all(in_rungs):
    assert sorted(row["epochs"] for row in in_rungs.rows) == [1, 1, 1, 1, 9, 9]
    for row in in_rungs.rows:
        own = [e for e in in_rungs.epochs if e["trial"] == row["trial"]]
        assert [e["epoch"] for e in own] == list(range(row["epochs"]))
        assert [e["epoch"] for e in own if e["selected"]] == [row["best_epoch"]]
    best = finish(in_rungs)
    assert best["epochs"] == 9
    assert load_model(best["model_path"]).count_params() == best["parameters"]
    assert not list(in_rungs.state.trials.glob("*/*.npz"))


def test_a_net_goes_on_in_one_schedule_that_ends_where_an_uncut_one_does(digits, tmp_path):
    recipe = {**RECIPE, "epochs": 4, "schedule": "cosine", "learning_rate": 0.01}
    space = make_space(frame_of(digits), SETTINGS, [])
    values, path = space.middle(), tmp_path / "cut.npz"
    whole = fit(build_net(space, values), digits, recipe, seed=0, label="whole")
    cut = fit(build_net(space, values), digits, recipe, seed=0, label="cut", until=2, end=path)
    rest = fit(build_net(space, values), digits, recipe, seed=0, label="cut", begin=path)
    rates = [row["learning_rate"] for row in (*cut.epochs, *rest.epochs)]
    assert rates == [row["learning_rate"] for row in whole.epochs]
    assert rest.epochs[0]["loss"] < cut.epochs[0]["loss"]
    assert rest.validation_loss <= cut.validation_loss


@pytest.mark.parametrize("rung", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_search_that_is_cut_between_rungs_ends_where_it_would_have(
    digits, tmp_path, in_rungs, monkeypatch, rung
):
    run = Trials.run_rung

    def cut(self, row, number, hyperparameters=None):
        if number == rung:
            raise KeyboardInterrupt
        run(self, row, number, hyperparameters)

    monkeypatch.setattr(Trials, "run_rung", cut)
    with pytest.raises(KeyboardInterrupt):
        search(digits, tmp_path, RUNGS)
    ran = []

    def count(self, row, number, hyperparameters=None):
        ran.append(number)
        run(self, row, number, hyperparameters)

    monkeypatch.setattr(Trials, "run_rung", count)
    resumed = search(digits, tmp_path, RUNGS)
    assert ran == list({1: [1, 1, 2, 2], 2: [2, 2]}[rung])
    for name in ("hyperparameters", "validation_loss", "parameters", "epochs", "rung"):
        assert [row[name] for row in resumed.rows] == [row[name] for row in in_rungs.rows]
    places = [[(row["trial"], row["epoch"]) for row in t.epochs] for t in (resumed, in_rungs)]
    assert places[0] == places[1]


def test_a_pruned_search_prunes_in_its_last_rung(digits, tmp_path):
    settings = {**RUNGS, "trials": 3, "epochs": 6, "rungs": 2}
    trials = search(digits, tmp_path, settings, PRUNING)
    pruned = [row for row in trials.rows if row["rung"] == 1]
    assert len(pruned) == 2
    assert all(row["reached_ratio"] >= 0.3 for row in pruned)
    assert all("reached_ratio" not in row for row in trials.rows if row["rung"] == 0)
    assert finish(trials) in pruned


def test_promoted_are_the_best_by_score_and_then_the_front():
    rng = np.random.default_rng(0)
    for _ in range(50):
        rows = [
            {
                "trial": f"{n:04d}",
                "feasible": True,
                "shortfall": 0.0,
                "score": x + y,
                "a": x,
                "b": y,
            }
            for n, (x, y) in enumerate(rng.integers(1, 9, (10, 2)).astype(float))
        ]
        names = promoted(rows, 4, ("a", "b"))
        assert len(set(names)) == 4
        assert names[0] == min(rows, key=lambda row: (row["score"], row["trial"]))["trial"]
        front = pareto_front([(row["a"], row["b"]) for row in rows])
        on_front = {row["trial"] for row, is_on in zip(rows, front, strict=True) if is_on}
        assert len(on_front & set(names)) == min(4, len(on_front))


def test_a_net_that_keeps_to_the_constraints_is_promoted_before_one_that_does_not():
    rows = [
        {"trial": "0000", "feasible": False, "shortfall": 0.0, "score": 0.0, "a": 1, "b": 1},
        {"trial": "0001", "feasible": True, "shortfall": 0.0, "score": 5.0, "a": 9, "b": 9},
        {"trial": "0002", "feasible": True, "shortfall": 0.0, "score": 6.0, "a": 10, "b": 10},
    ]
    assert promoted(rows, 2, ("a", "b")) == ["0001", "0002"]


def test_a_budget_is_spent_and_not_exceeded():
    for epochs in ([30], [4, 10, 30], [1, 2]):
        for budget in (50, 150, 1000):
            nets = affordable_nets(budget, epochs)
            assert spent_epochs(nets, epochs) <= budget < spent_epochs(nets + 1, epochs)
    assert rung_epochs(30, 3) == [4, 10, 30]
    assert rung_epochs(2, 3) == [1, 2]
    assert affordable_nets(1, [30]) == 1


def row(name, loss, parameters, accuracy, rung=0, score=0.0) -> dict:
    return {
        "trial": name, "status": "completed", "validation_loss": loss, "parameters": parameters,
        "validation_accuracy": accuracy, "rung": rung, "feasible": True, "score": score,
        "model_path": name,
    }  # fmt: skip


def test_a_net_beyond_the_tolerance_is_not_handed_on_while_there_is_another(caplog):
    reference = {"validation_accuracy": 0.95, "parameters": 1000}
    standard = make_standard(reference, 1.0, 0.05)
    rows = [row("small", 0.5, 10, 0.90, score=-2.0), row("good", 0.2, 900, 0.945, score=-0.1)]
    assert mark_best(rows, standard, 0)["trial"] == "good"
    assert rows[1]["meets_standard"]
    assert mark_best(rows[:1], standard, 0)["trial"] == "small"
    assert not rows[0]["meets_standard"]
    assert "worse than the baseline" in caplog.text


def test_picks_are_the_best_the_smallest_that_is_good_and_the_knee():
    reference = {"validation_accuracy": 0.95, "parameters": 1000}
    rows = [
        row("tiny", 2.0, 10, 0.5), row("knee", 0.3, 30, 0.945), row("large", 0.2, 900, 0.95),
        row("huge", 0.1, 9000, 0.99), row("early", 0.01, 5, 0.99, rung=-1),
    ]  # fmt: skip
    mark_picks(rows, reference, make_standard(reference, 1.0, 0.05), 0)
    assert [done["picked_as"] for done in rows] == [[], ["small", "knee"], ["best"], [], []]


def test_a_regression_s_standard_is_its_error():
    standard = make_standard({"validation_mae": 2.0}, 1.0, 0.05)
    assert standard.is_met({"validation_mae": 2.1})
    assert not standard.is_met({"validation_mae": 2.11})


def test_a_trial_that_takes_too_long_has_failed_and_the_search_goes_on(digits, tmp_path):
    slow = iter([False, True, False, False])

    def run(trials, number, name, hyperparameters):
        if next(slow):
            build, trials.space.build = trials.space.build, lambda hp: time.sleep(60)
            try:
                return trials(number, name, hyperparameters)
            finally:
                trials.space.build = build
        return trials(number, name, hyperparameters)

    trials = search(digits, tmp_path, {**SETTINGS, "trial_minutes": 0.2}, spoil=run)
    states = [row["status"] for row in trials.rows]
    assert states == ["completed", "failed", "completed", "completed"]
    assert "trial_minutes" in trials.rows[1]["reason"]


def test_a_search_whose_hours_are_over_still_hands_on_a_net_trained_to_the_end(digits, tmp_path):
    settings = {**SETTINGS, "trials": 6, "rungs": 2, "hours": 1e-6}
    for tuner in ("greedy", "pareto"):
        given = {**settings, "tuner": tuner, "pareto": {"sampler": "tpe"}, "constraints": {}}
        trials = search(digits, tmp_path / tuner, given)
        assert [row["epochs"] for row in trials.rows] == [3]
        assert finish(trials)["rung"] == 1
        # The same command again: the same rows, and no net more.
        again = search(digits, tmp_path / tuner, given)
        assert [row["trial"] for row in again.rows] == ["0000"]
