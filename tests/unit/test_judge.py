"""Scores of partly trained trials, the tolerance of quality, and time limits."""

import math
import time

import pytest

from nasturtium.search.judge import Judge
from nasturtium.search.objective import make_objective
from nasturtium.search.rungs import promoted
from nasturtium.search.time_limit import TooSlow, limited, rung_deadlines_s

REFERENCE = {
    "validation_loss": 0.1,
    "validation_accuracy": 0.97,
    "validation_mae": None,
    "parameters": 10_000,
}
CURVE = [
    {"validation_loss": loss, "validation_accuracy": accuracy, "validation_mae": None}
    for loss, accuracy in ((0.9, 0.7), (0.5, 0.85), (0.6, 0.8), (0.2, 0.94), (0.1, 0.97))
]
WEIGHTS = {"validation_loss": 1.0, "parameters": 0.1}


def judge(reference=REFERENCE, curve=CURVE, points=1.0, mae=0.05) -> Judge:
    return Judge(make_objective(WEIGHTS, reference, {}), reference, curve, {}, points, mae)


def net(loss, accuracy, parameters=10_000, mae=None) -> dict:
    return {
        "validation_loss": loss,
        "validation_accuracy": accuracy,
        "validation_mae": mae,
        "parameters": parameters,
    }


@pytest.mark.parametrize(
    ("share", "epoch"), [(0.01, 0), (0.2, 0), (0.4, 1), (0.6, 1), (0.8, 3), (1.0, 4)]
)
def test_the_baseline_itself_scores_nothing_at_any_point_of_its_training(share, epoch):
    row = net(CURVE[epoch]["validation_loss"], CURVE[epoch]["validation_accuracy"])
    judge().judge(row, share)
    assert (row["score"], row["shortfall"], row["feasible"]) == (0.0, 0.0, True)


def test_without_a_curve_the_baseline_is_taken_as_it_is_at_the_end():
    row = net(0.5, 0.97)
    judge(curve=()).judge(row, 0.4)
    assert row["score"] == pytest.approx(math.log(5))


def test_size_does_not_pay_for_a_net_that_is_much_worse():
    tiny, good = net(0.3, 0.90, parameters=10), net(0.11, 0.965, parameters=9_000)
    for row in (tiny, good):
        judge().judge(row, 1.0)
    assert good["shortfall"] == 0
    # 7 points worse where 1 is tolerated: 6 tolerances beyond it.
    assert tiny["shortfall"] == pytest.approx(6)
    assert good["score"] < tiny["score"]
    # Without the tolerance, the objective would reverse this order.
    everything = judge(points=100.0)
    for row in (tiny, good):
        everything.judge(row, 1.0)
    assert tiny["shortfall"] == 0


def test_of_a_half_trained_net_more_is_tolerated():
    least = CURVE[1]["validation_accuracy"]
    for below, share, expected in ((0.014, 0.4, 0.0), (0.014, 1.0, 1.0)):
        row = net(0.5, (least if share < 1 else 0.97) - below)
        judge().judge(row, share)
        assert (row["shortfall"] > 0) == (expected > 0)


def test_of_a_regression_the_mae_counts():
    reference = {**REFERENCE, "validation_accuracy": None, "validation_mae": 2.0}
    row = net(0.1, None, mae=2.3)
    judge(reference=reference, curve=()).judge(row, 1.0)
    assert row["shortfall"] == pytest.approx(2.0)  # 15 % worse where 5 % are tolerated


def test_a_tolerance_of_nothing_is_no_division_by_zero():
    row = net(0.1, 0.96)
    judge(points=0.0, mae=0.0).judge(row, 1.0)
    assert row["shortfall"] == pytest.approx(9.0)


def test_epochs_in_which_the_baseline_diverged_are_no_measure():
    curve = [{**CURVE[0], "validation_loss": None}, *CURVE[1:]]
    row = net(0.5, 0.85)
    judge(curve=curve).judge(row, 0.4)
    assert row["score"] == 0
    judge(curve=curve).judge(row := net(0.1, 0.97), 0.1)
    assert row["score"] == 0


def test_what_falls_short_is_promoted_last():
    rows = [
        {"trial": "0000", "feasible": True, "shortfall": 3.0, "score": -5.0, "a": 9.0, "b": 1.0},
        {"trial": "0001", "feasible": True, "shortfall": 0.0, "score": 0.2, "a": 2.0, "b": 5.0},
        {"trial": "0002", "feasible": True, "shortfall": 0.0, "score": 0.1, "a": 3.0, "b": 4.0},
        {"trial": "0003", "feasible": True, "shortfall": 1.0, "score": 1.0, "a": 8.0, "b": 2.0},
    ]
    assert promoted(rows, 2, ("a", "b")) == ["0002", "0001"]
    assert promoted(rows, 3, ("a", "b")) == ["0002", "0001", "0000"]


def test_of_a_front_the_smallest_net_goes_on_before_the_largest():
    rows = [
        {"trial": f"{n:04d}", "feasible": True, "shortfall": 0.0, "score": score, "a": a, "b": b}
        for n, (score, a, b) in enumerate(
            [(0.2, 1.0, 900.0), (0.0, 1.1, 500.0), (0.1, 1.5, 80.0), (0.3, 2.0, 20.0)]
        )
    ]
    assert promoted(rows, 2, ("a", "b")) == ["0001", "0003"]


def test_a_block_that_hangs_in_python_ends_after_its_minutes():
    began = time.monotonic()
    with pytest.raises(TooSlow, match=r"trial_minutes, 0\.005"), limited(0.005):
        time.sleep(30)
    assert time.monotonic() - began < 10
    with limited(0.005):
        pass
    time.sleep(0.5)  # nothing is left that could ring
    with limited(None):
        pass


def test_each_rung_has_its_part_of_the_hours():
    assert rung_deadlines_s(None, 9, [4, 10, 30]) == [math.inf] * 4
    first, second, last, children = rung_deadlines_s(2.0, 9, [4, 10, 30])
    assert last == children == 7200
    # 9 nets for 4 epochs, 3 for 6 more, 2 for 20 more: 36, 18 and 40 of 94.
    assert first == pytest.approx(7200 * 36 / 94)
    assert second == pytest.approx(7200 * 54 / 94)
    # With children, one net may be trained to the end: 36, 18 and 20 of 94, and 20 for children.
    *_, last, children = rung_deadlines_s(2.0, 9, [4, 10, 30], 20)
    assert last == pytest.approx(7200 * 74 / 94)
    assert children == 7200
