"""Nets that are too large for a search's limits: known before they are trained, and free."""

import json
import logging
from types import SimpleNamespace

import pytest

from nasturtium.compaction import fold_batch_normalization
from nasturtium.deployment.convert import convert_full_integer
from nasturtium.deployment.micro import run_micro
from nasturtium.errors import SearchError
from nasturtium.measurement.inference_form import load_inference_form
from nasturtium.search import limits, oracles
from nasturtium.search.finishing import finish
from nasturtium.search.limits import TooLarge, check_limits, check_measurable
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
):
    aims = {"objectives": ["validation_loss", "parameters"], "sampler": "tpe"}
    settings = {**BOUND, "tuner": tuner, "pareto": aims, "trials": 2}
    trials = search(digits, tmp_path, settings)
    found = counted(trials)
    assert [len(found[status]) for status in ("completed", "failed")] == [2, 0]
    assert found["skipped"][0]["parameters"] == 798
    for row in found["skipped"]:
        assert row["parameters"] > 700
        assert row["reason"] == f"parameters is {row['parameters']:,}, and may be 700"
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
    assert "The last 5 nets were all too large" in caplog.text
    run = SimpleNamespace(label="digits seed 0 nas")
    said = _nothing_found(SimpleNamespace(run=run, settings={"search": settings}), trials.rows)
    assert said == (
        "digits seed 0 nas: none of the 5 nets that were proposed keeps to search.constraints "
        "{'parameters': 10} (search.device sets int8_flash and int8_ram); loosen them, or give the "
        "search smaller sizes."
    )


def judged(model, constraints, ratio=None, footprint=None) -> dict:
    row = {"pruning_ratio": ratio}
    check_limits(model, row, constraints, footprint)
    return row


def test_limits_are_those_of_the_net_as_it_will_be_measured():
    model = cnn()
    parameters = fold_batch_normalization(model).model.count_params()
    assert parameters < model.count_params()
    assert judged(model, {}) == judged(model, {"validation_loss": 0.1}) == {"pruning_ratio": None}
    judged(model, {"parameters": parameters})
    with pytest.raises(TooLarge, match=f"parameters is {parameters:,}"):
        judged(model, {"parameters": parameters - 1})
    with pytest.raises(TooLarge, match="macs is"):
        judged(model, {"macs": 1})
    with pytest.raises(TooLarge, match="calculated_memory is"):
        judged(model, {"calculated_memory": 1})
    # Pruning makes it smaller, nobody knows by how much.
    judged(model, {"parameters": 1}, ratio=0.5)
    with pytest.raises(TooLarge):
        judged(model, {"parameters": 1}, ratio=0.0)


def test_a_file_is_only_made_where_the_weights_alone_would_fit():
    asked = []

    def footprint(model):
        asked.append(model)
        return SimpleNamespace(flash_bytes=20_000, ram_bytes=None, reason="no int8 form")

    with pytest.raises(TooLarge, match=r"int8_flash is above .*, a byte for each weight"):
        judged(cnn(), {"int8_flash": 1}, footprint=footprint)
    assert not asked
    with pytest.raises(TooLarge, match="int8_flash is 20,000, and may be 19,999"):
        judged(cnn(), {"int8_flash": 19_999}, footprint=footprint)
    with pytest.raises(TooLarge, match="int8_ram is limited, and not known: no int8 form"):
        judged(cnn(), {"int8_ram": 10**9}, footprint=footprint)
    judged(cnn(), {"int8_flash": 20_000}, footprint=footprint)
    assert len(asked) == 3


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
    with pytest.raises(SearchError, match="int8_ram can't be kept to"):
        check_measurable(
            {"int8_ram": 5}, known, {"tflite_int8_arena_bytes": "tflite-micro is not installed"}
        )
    with pytest.raises(SearchError) as caught:
        check_measurable({"parameters": 5, term: 5}, {**known, column: None}, why)
    said = str(caught.value)
    assert said.startswith(
        f"search.constraints.{term} can't be kept to, since it can't be measured"
    )
    assert "(no device was found)" in said
    assert "\n" not in said


def test_a_search_with_a_limit_that_can_t_be_measured_trains_nothing(digits, tmp_path):
    settings = {**SETTINGS, "constraints": {"gpu_memory": 1000}}
    with pytest.raises(SearchError, match=r"search\.constraints\.gpu_memory"):
        search(digits, tmp_path, settings)
    assert not (tmp_path / "trials").exists()
