"""Children in a search: fully trained nets that are pruned further."""

import logging
from pathlib import Path

import pytest

from nasturtium.data.splits import TrainingData
from nasturtium.metering.clock import Clock
from nasturtium.metering.devices.nvml import open_gpus
from nasturtium.search import children
from nasturtium.search.finishing import finish
from nasturtium.search.limits import tried
from nasturtium.search.trial import Training
from nasturtium.settings import configuration
from nasturtium.settings.rungs import (
    affordable_nets,
    child_epochs,
    least_finalists,
    rung_epochs,
    spent_epochs,
    with_children,
)
from nasturtium.training.fit import Trained
from tests.digits_data import digits_data
from tests.nvml_fake import Board, FakeNvml, constant, installed
from tests.unit.test_search import PRUNING, SETTINGS, search
from tests.unit.test_settings import SCHEMA, config

WITH_CHILDREN = {
    **SETTINGS,
    "tuner": "random",
    "trials": 2,
    "epochs": 6,
    "rungs": 2,
    "pruning_ratios": [0, 0.3, 0.5],
    "filters": [8],
    "units": [16],
    # Two of three epochs each: twenty steps are an epoch, and a pruning has sixty at least.
    "children_epochs": 6,
}
# What differs between two equal searches, and what the end of a search marks.
NOT_COMPARED = ("duration_s", "rss_bytes", "model_path", "hypervolume", "best", "picked_as")
NOT_COMPARED += ("on_pareto_front", "meets_standard")


@pytest.fixture(scope="module")
def digits() -> TrainingData:
    return digits_data(train=320, validation=80)


@pytest.fixture(scope="module")
def bred(digits, tmp_path_factory):
    return search(digits, tmp_path_factory.mktemp("bred"), WITH_CHILDREN, PRUNING)


def searches(method: str = "channels", **keys) -> tuple[dict, dict]:
    """Section ``search`` of the stages nas and nas_with_pruning, with these keys changed."""
    given = config()
    given["search"].update(keys)
    given["pruning"]["search_method"] = method
    given = configuration.validated(given, SCHEMA)
    plain, pruned = (
        configuration.for_search(given, stage, "digits", "")["search"]
        for stage in ("nas", "nas_with_pruning")
    )
    return plain, pruned


def of_children(trials) -> list[dict]:
    return [row for row in trials.rows if row["parent"]]


def compared(trials) -> list[dict]:
    return [
        {name: value for name, value in row.items() if name not in NOT_COMPARED}
        for row in trials.rows
    ]


def latencies_aside(rows: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if "latency" not in k} for row in rows]


def test_children_are_paid_from_the_same_epochs():
    for epochs in ([30], [4, 10, 30], [6, 17, 50]):
        for budget in (80, 300, 1000):
            given = {"epochs": epochs[-1], "rungs": len(epochs), "budget": budget}
            given |= {"pruning_ratios": [0, 0.5], "trials": 1, "children_share": 0.4}
            found = with_children(given)
            nets, of_children = found["trials"], found["children_epochs"]
            least = least_finalists(of_children)
            assert of_children % child_epochs(epochs[-1]) == 0
            assert 0.4 * budget - child_epochs(epochs[-1]) < of_children <= 0.4 * budget
            spent = spent_epochs(nets, epochs, least) + of_children
            assert spent <= budget or nets == 1
    # A third of the epochs is not enough where an epoch has two steps.
    assert child_epochs(90, 2) == 30
    assert child_epochs(90, 1) == 60
    assert child_epochs(30, 1) == 30


def test_only_a_search_that_prunes_channels_has_children():
    plain, pruned = searches(trials=40, children_share=0.4)
    assert plain["trials"] == 40
    assert "children_epochs" not in plain
    epochs = rung_epochs(pruned["epochs"], pruned["rungs"])
    whole = spent_epochs(40, epochs)
    assert pruned["trials"] < 40
    spent = spent_epochs(pruned["trials"], epochs, 1) + pruned["children_epochs"]
    assert whole - spent_epochs(1, epochs) < spent <= whole
    _, by_budget = searches(budget=whole, children_share=0.4)
    assert by_budget["trials"] == pruned["trials"]
    assert affordable_nets(whole, epochs) == 40
    for keys in ({"method": "magnitude"}, {"children_share": 0}, {"pruning_ratios": [0]}):
        _, without = searches(**{"trials": 40, "children_share": 0.4, **keys})
        assert without["trials"] == 40
        assert not without.get("children_epochs")


def test_a_child_is_its_trained_parent_pruned_further(bred):
    found = of_children(bred)
    assert len(found) == 2
    for row in found:
        parent = bred.ledger.row(row["parent"])
        assert row["status"] == "completed"
        assert row["trial"] == f"{parent['trial']}-{round(100 * row['pruning_ratio'])}"
        assert row["parameters"] < parent["parameters"]
        assert row["reached_ratio"] >= row["pruning_ratio"]
        assert row["epochs"] == parent["epochs"] + 3
        own = [epoch for epoch in bred.epochs if epoch["trial"] == row["trial"]]
        assert [epoch["epoch"] for epoch in own] == list(range(parent["epochs"], row["epochs"]))
        assert [epoch["epoch"] for epoch in own if epoch["selected"]] == [row["best_epoch"]]
        # It did not start again: its first epoch is better than the first epoch of any new net.
        first = min(e["validation_loss"] for e in bred.epochs if e["epoch"] == 0)
        assert own[0]["validation_loss"] < first
    # Trials that were asked for do not include them.
    assert len(tried(bred.rows)) == 2
    assert [row["number"] for row in bred.rows] == [0, 1, 2, 3]


def test_a_child_is_handed_on_like_any_other_net(bred):
    finish(bred)
    assert any("small" in row["picked_as"] for row in of_children(bred))
    assert all(Path(row["model_path"]).is_file() for row in of_children(bred))


def test_a_search_that_is_cut_between_children_ends_where_it_would_have(
    bred, digits, tmp_path, monkeypatch
):
    trained, train = [], Training.train_child

    def cut(self, model, row, parent):
        trained.append(row["trial"])
        if len(trained) == 2:
            raise KeyboardInterrupt
        return train(self, model, row, parent)

    monkeypatch.setattr(Training, "train_child", cut)
    with pytest.raises(KeyboardInterrupt):
        search(digits, tmp_path, WITH_CHILDREN, PRUNING)
    trials = search(digits, tmp_path, WITH_CHILDREN, PRUNING)
    assert trained == [row["trial"] for row in of_children(bred)] + [trained[1]]
    assert latencies_aside(compared(trials)) == latencies_aside(compared(bred))
    search(digits, tmp_path, WITH_CHILDREN, PRUNING)
    assert len(trained) == 3


@pytest.mark.long
def test_a_parent_whose_model_is_damaged_is_trained_again_first(
    bred, digits, tmp_path, monkeypatch, caplog
):
    breed = children.breed

    def damaged(trials):
        for path in trials.state.trials.glob("*/model.keras"):
            path.write_bytes(path.read_bytes()[:100])
        breed(trials)

    monkeypatch.setattr("nasturtium.search.run.breed", damaged)
    trials = search(digits, tmp_path, WITH_CHILDREN, PRUNING)
    assert "runs again" in caplog.text
    losses = [row["validation_loss"] for row in of_children(trials)]
    assert losses == [row["validation_loss"] for row in of_children(bred)]


@pytest.mark.long
def test_a_child_loses_most_of_its_weights_only_where_there_is_no_smaller_ratio(digits, tmp_path):
    for ratios, lost in (([0.3, 0.9], {0.3}), ([0.9], {0.9})):
        settings = {**WITH_CHILDREN, "trials": 1, "filters": [32], "units": [32]}
        settings = {**settings, "pruning_ratios": [0, *ratios], "children_epochs": 3}
        trials = search(digits, tmp_path / str(len(ratios)), settings, PRUNING)
        assert {row["pruning_ratio"] for row in of_children(trials)} == lost


@pytest.mark.long
def test_a_child_that_fails_is_a_row_and_another_one_is_tried(digits, tmp_path, monkeypatch):
    train, tries = Training.train_child, []

    def fail_once(self, model, row, parent) -> tuple[object, Trained]:
        tries.append(row["trial"])
        if len(tries) == 1:
            raise MemoryError("none left")
        return train(self, model, row, parent)

    monkeypatch.setattr(Training, "train_child", fail_once)
    found = of_children(search(digits, tmp_path, WITH_CHILDREN, PRUNING))
    assert [row["status"] for row in found] == ["failed", "completed"]
    assert found[0]["reason"] == "MemoryError: none left"
    assert len(set(tries)) == 2


def test_nets_that_can_lose_no_more_have_no_children(digits, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    settings = {**WITH_CHILDREN, "filters": [2], "units": [2], "trials": 1}
    assert not of_children(search(digits, tmp_path, settings, PRUNING))
    assert "can be pruned further" in caplog.text


@pytest.mark.long
def test_there_is_a_child_where_its_pruning_takes_more_epochs_than_were_meant_for_it(
    digits, tmp_path
):
    settings = {**WITH_CHILDREN, "trials": 1, "rungs": 1, "children_epochs": 2}
    [child] = of_children(search(digits, tmp_path, settings, PRUNING))
    assert child["epochs"] == 6 + 3


def test_no_child_begins_after_the_hours_are_over(digits, tmp_path, caplog):
    settings = {**WITH_CHILDREN, "hours": 1e-6}
    trials = search(digits, tmp_path, settings, PRUNING)
    assert not of_children(trials)
    assert "no time is left for further children" in caplog.text
    assert finish(trials)["rung"] == 1


@pytest.mark.long
def test_a_child_s_joules_include_those_of_its_parent(digits, tmp_path):
    with installed(FakeNvml(Clock(), [Board(constant(200.0))])):
        sources, _ = open_gpus()
        trials = search(digits, tmp_path, WITH_CHILDREN, PRUNING, sources=sources)
    for row in of_children(trials):
        parent = trials.ledger.row(row["parent"])
        assert row["training_energy_j"] > parent["training_energy_j"] > 0
