"""Nets that exceed a search's limits are found before any training, and cost nothing."""

import json
import logging
import math
from types import SimpleNamespace

import pytest

from nasturtium.compaction import fold_batch_normalization
from nasturtium.deployment.convert import convert_full_integer
from nasturtium.deployment.micro import run_micro
from nasturtium.errors import SearchError
from nasturtium.measurement.inference_form import load_inference_form
from nasturtium.models.weights import count_weights
from nasturtium.search import limits, oracles
from nasturtium.search.expected import NOTHING_EXPECTED, as_expected, expect
from nasturtium.search.finishing import finish
from nasturtium.search.limits import (
    Unfit,
    check_limits,
    check_measurable,
    with_size_limit,
)
from nasturtium.search.objective import TERMS
from nasturtium.settings.devices import with_device
from nasturtium.stages.searches import _nothing_found
from tests.digits_data import digits_data
from tests.unit.small_nets import cnn
from tests.unit.test_search import PRUNING, SETTINGS, search

# The first two nets of every search have 798 and 202 parameters here.
BOUND = {
    **SETTINGS,
    "epochs": 1,
    "constraints": {"parameters": 700},
    "max_consecutive_failures": 1,
}


@pytest.fixture(scope="module")
def digits():
    return digits_data(train=320, validation=80)


def counted(trials) -> dict[str, list[dict]]:
    found = {"completed": [], "failed": [], "skipped": []}
    for row in trials.rows:
        found[row["status"]].append(row)
    return found


@pytest.mark.parametrize("tuner", ["greedy", pytest.param("pareto", marks=pytest.mark.long)])
def test_a_net_that_is_too_large_is_not_trained_and_another_takes_its_place(
    digits,
    tmp_path,
    tuner,
    capsys,
):
    aims = {"objectives": ["validation_loss", "parameters"], "sampler": "tpe"}
    settings = {**BOUND, "tuner": tuner, "pareto": aims, "trials": 2}
    trials = search(digits, tmp_path, settings)
    found = counted(trials)
    assert [len(found[status]) for status in ("completed", "failed")] == [2, 0]
    assert found["skipped"][0]["parameters"] == 798
    assert "Traceback" not in capsys.readouterr().err
    for row in found["skipped"]:
        assert row["parameters"] > 700
        assert row["reason"] == f"parameters is {row['parameters']:,}, but at most 700 is allowed"
        assert (row["epochs"], row.get("score"), row["feasible"]) == (0, None, False)
        assert not [epoch for epoch in trials.epochs if epoch["trial"] == row["trial"]]
    assert all(row["parameters"] <= 700 for row in found["completed"])
    assert len({row["trial"] for row in trials.rows}) == len(trials.rows)
    # Resumed, it knows them, and trains none.
    again = search(digits, tmp_path, settings, spoil=lambda t, *given: t(*given))
    assert [(r["trial"], r["status"]) for r in again.rows] == [
        (r["trial"], r["status"]) for r in trials.rows
    ]
    assert again.ledger.resumed == 2


def test_a_space_in_which_nothing_fits_ends_with_one_sentence(
    digits,
    tmp_path,
    monkeypatch,
    caplog,
):
    monkeypatch.setattr(limits, "MOST_SKIPPED_IN_A_ROW", 5)
    monkeypatch.setattr(oracles, "MOST_SKIPPED_IN_A_ROW", 5)
    settings = {**BOUND, "constraints": {"parameters": 10}}
    with caplog.at_level(logging.WARNING):
        trials = search(digits, tmp_path, settings)
    assert finish(trials) is None
    assert [row["status"] for row in trials.rows] == ["skipped"] * 5
    assert "The last 5 nets were all unfit" in caplog.text
    run = SimpleNamespace(label="digits seed 0 nas")
    said = _nothing_found(SimpleNamespace(run=run, settings={"search": settings}), trials.rows)
    assert said == (
        "digits seed 0 nas: none of the 5 proposed nets satisfies search.constraints "
        "{'parameters': 10} (search.device sets int8_flash and int8_ram, and search.size_limit "
        "sets parameters); relax the constraints, or give the search smaller sizes (for the last "
        f"net: parameters is {trials.rows[-1]['parameters']:,}, but at most 10 is allowed)."
    )


def judged(model, constraints, ratio=None, footprint=None, method="channels") -> dict:
    row = {"pruning_ratio": ratio, "pruning_method": None if ratio is None else method}
    check_limits(model, row, constraints, footprint)
    return row


def test_limits_are_those_of_the_net_as_it_will_be_measured():
    model = cnn()
    parameters = fold_batch_normalization(model).model.count_params()
    assert parameters < model.count_params()
    assert (
        judged(model, {})
        == judged(model, {"validation_loss": 0.1})
        == {
            "pruning_ratio": None,
            "pruning_method": None,
        }
    )
    judged(model, {"parameters": parameters})
    with pytest.raises(Unfit, match=f"parameters is {parameters:,}"):
        judged(model, {"parameters": parameters - 1})
    with pytest.raises(Unfit, match="macs is"):
        judged(model, {"macs": 1})
    with pytest.raises(Unfit, match="calculated_memory is"):
        judged(model, {"calculated_memory": 1})
    # What channels leave at the least is known: the ratio, and one group more.
    kernels = count_weights(model).prunable
    judged(model, {"parameters": kernels // 2}, ratio=0.5)
    with pytest.raises(Unfit, match=r"parameters is at least .* once pruned, but at most 10 is"):
        judged(model, {"parameters": 10}, ratio=0.5)
    # Magnitude pruning leaves zeros, and compaction removes as many as it can.
    judged(model, {"parameters": 1}, ratio=0.5, method="magnitude")
    with pytest.raises(Unfit):
        judged(model, {"parameters": 1}, ratio=0.0)


def test_a_file_is_only_made_where_the_weights_alone_would_fit():
    asked = []

    def footprint(model):
        asked.append(model)
        return SimpleNamespace(flash_bytes=20_000, ram_bytes=None, reason="no int8 form")

    with pytest.raises(Unfit, match=r"int8_flash is above .*, a byte for each weight"):
        judged(cnn(), {"int8_flash": 1}, footprint=footprint)
    assert not asked
    with pytest.raises(Unfit, match="int8_flash is 20,000, but at most 19,999 is"):
        judged(cnn(), {"int8_flash": 19_999}, footprint=footprint)
    with pytest.raises(Unfit, match="int8_ram is limited, and not known: no int8 form"):
        judged(cnn(), {"int8_ram": 10**9}, footprint=footprint)
    judged(cnn(), {"int8_flash": 20_000}, footprint=footprint)
    assert len(asked) == 3


def test_nothing_is_trained_that_is_larger_than_the_baseline_may_be(digits, tmp_path):
    # The baseline has 1,000 parameters here.
    settings = {**BOUND, "constraints": {}, "size_limit": 0.7, "trials": 2}
    found = counted(search(digits, tmp_path, settings))
    assert found["skipped"][0]["reason"] == "parameters is 798, but at most 700 is allowed"
    assert all(row["parameters"] <= 700 for row in found["completed"])


def test_the_limit_of_size_gives_way_where_nothing_could_keep_to_it(caplog):
    assert with_size_limit({}, 1.5, 99, 10) == {"parameters": 148}
    assert with_size_limit({"macs": 1}, None, 99, 10) == {"macs": 1}
    # Who names a number means it.
    assert with_size_limit({"parameters": 9}, 1.0, 99, 10) == {"parameters": 9}
    assert with_size_limit({}, 1.0, 99, 99) == {"parameters": 99}
    assert not caplog.records
    assert with_size_limit({"macs": 1}, 1.0, 99, 100) == {"macs": 1}
    assert "this search has no such limit" in caplog.text


def test_a_net_that_is_yet_to_be_pruned_is_judged_by_the_size_it_will_have(digits, tmp_path):
    settings = {**SETTINGS, "trials": 3, "epochs": 6, "rungs": 2, "pruning_ratios": [0, 0.4]}
    trials = search(digits, tmp_path, settings, PRUNING)
    pruned = [row for row in trials.rows if row["rung"] == 1 and row["pruning_ratio"]]
    assert pruned
    for row in pruned:
        first, last = trials.ledger._rungs[row["trial"]]
        expected = first["expected_parameters"]
        assert first["parameters"] > expected >= last["parameters"] > 0.7 * expected
        assert last["expected_parameters"] is None
        # One term more or less in the score of the first rung is what is expected to go.
        gain = 0.1 * math.log(first["parameters"] / expected)
        dense = trials.judge.objective.score(first) + first["shortfall"]
        assert first["score"] == pytest.approx(dense - gain)
    # The oracle learns what the ratio does to the size.
    assert all(
        trials.row(row["trial"])["expected_parameters"] < row["parameters"]
        for row in trials.rows
        if row["rung"] == 0 and row["pruning_ratio"]
    )


def test_a_net_that_can_t_lose_its_ratio_is_not_trained_until_its_pruning_fails(digits, tmp_path):
    settings = {**SETTINGS, "trials": 2, "epochs": 6, "rungs": 2, "pruning_ratios": [0.6]}
    found = counted(search(digits, tmp_path, settings, PRUNING))
    assert len(found["completed"]) == 2
    assert not found["failed"]
    assert "and is to lose 0.6" in found["skipped"][0]["reason"]


def test_zeros_make_a_net_no_smaller_in_what_is_expected_of_it():
    row = {
        "pruning_ratio": 0.5,
        "pruning_method": "magnitude",
        "parameters": 120,
        "nonzero_parameters": 120,
        "prunable_parameters": 100,
        "macs": 900,
        "calculated_memory_bytes": 480,
    }
    seen = as_expected({**row, **expect(row)})
    assert (seen["parameters"], seen["nonzero_parameters"], seen["macs"]) == (120, 70, 900)
    seen = as_expected({**row, **expect({**row, "pruning_method": "channels"})})
    assert (seen["parameters"], seen["nonzero_parameters"], seen["macs"]) == (70, 70, 450)
    assert seen["calculated_memory_bytes"] == 280
    assert as_expected({**row, **expect({**row, "pruning_ratio": 0.0})}) == {
        **row,
        **NOTHING_EXPECTED,
    }


@pytest.mark.long
def test_a_net_that_gets_pruned_is_judged_when_it_is(digits, tmp_path):
    settings = {**BOUND, "epochs": 3, "trials": 2, "pruning_ratios": [0.3]}
    trials = search(digits, tmp_path, settings, PRUNING)
    assert not counted(trials)["skipped"]
    assert json.loads(trials.rows[0]["hyperparameters"])["pruning_ratio"] == 0.3


@pytest.mark.long
def test_the_measured_file_of_what_is_handed_on_keeps_to_the_device(digits, tmp_path):
    device = {"flash_bytes": 20_000, "ram_bytes": 16_000}
    wide = {**SETTINGS, "filters": [4, 128], "units": [8, 256], "trials": 3}
    best = search(digits, tmp_path, with_device({**wide, "constraints": {}, "device": device}))
    handed_on = finish(best)
    assert counted(best)["skipped"]
    model = load_inference_form(handed_on["model_path"])
    content, bare = convert_full_integer(model, digits.train.features)
    ran = run_micro(content, bare.standardise(digits.train.features[:1]))
    assert len(content) == handed_on["tflite_int8_bytes"] <= 20_000
    assert ran.arena_bytes == handed_on["tflite_int8_arena_bytes"] <= 16_000


@pytest.mark.parametrize("term", ["gpu_memory", "latency", "training_energy", "inference_energy"])
def test_a_limit_that_can_t_be_measured_here_ends_the_search_before_its_first_trial(term):
    column = TERMS[term]
    known = {"validation_loss": 1.0, "parameters": 10}
    why = {column: "no device was found"}
    check_measurable({"parameters": 5}, known, why)
    check_measurable({term: 5}, {**known, column: 3.0}, {})
    # Of other nets it may be known.
    check_measurable({"int8_ram": 5, "macs": 5}, {**known, "macs": None}, {})
    with pytest.raises(SearchError, match="int8_ram can't be checked"):
        check_measurable(
            {"int8_ram": 5}, known, {"tflite_int8_arena_bytes": "tflite-micro is not installed"}
        )
    with pytest.raises(SearchError) as caught:
        check_measurable({"parameters": 5, term: 5}, {**known, column: None}, why)
    said = str(caught.value)
    assert said.startswith(
        f"search.constraints.{term} can't be checked, since it can't be measured"
    )
    assert "(no device was found)" in said
    assert "\n" not in said


def test_a_search_with_a_limit_that_can_t_be_measured_trains_nothing(digits, tmp_path):
    settings = {**SETTINGS, "constraints": {"gpu_memory": 1000}}
    with pytest.raises(SearchError, match=r"search\.constraints\.gpu_memory"):
        search(digits, tmp_path, settings)
    assert not (tmp_path / "trials").exists()
