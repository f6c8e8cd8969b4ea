"""The verdict: validation chooses, the test split reports, and undecided comparisons say so."""

import numpy as np
import pytest

from nasturtium.report import verdict as text
from nasturtium.report.changes import with_changes
from nasturtium.report.summary import with_ratios
from nasturtium.statistics.verdict import candidates_of, verdict_of
from tests.unit.test_summary import columns

N = 200


def row(run: str, wrong: dict, parameters: int, seed: int = 0, **figures) -> dict:
    return {
        "dataset": "digits",
        "seed": seed,
        "run": run,
        "task": "classification",
        "target_unit": None,
        "validation_samples": N,
        "test_samples": N,
        "validation_accuracy": 1 - len(wrong["validation"]) / N,
        "test_accuracy": 1 - len(wrong["test"]) / N,
        "test_accuracy_low": 0.9,
        "test_accuracy_high": 0.99,
        "constant_accuracy": 0.1,
        "linear_accuracy": 0.93,
        "parameters": parameters,
        "nonzero_parameters": parameters,
        **figures,
    }


def answers(wrong: dict) -> dict:
    parts = [
        columns(split, np.ones(N), np.where(np.isin(np.arange(N), list(wrong[split])), 0.0, 1.0))
        for split in ("validation", "test")
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def summary(*runs) -> list[dict]:
    """Rows of runs, each a name, its wrong answers by split, its parameters and its seed."""
    rows = [row(name, wrong, size, *seed) for name, wrong, size, *seed in runs]
    return with_changes(with_ratios(rows), [answers(wrong) for _, wrong, *_ in runs])


def wrong(validation: range, test: range) -> dict:
    return {"validation": validation, "test": test}


BASELINE = ("baseline", wrong(range(10), range(10)), 1000)


def chosen(rows) -> dict[str, str | None]:
    verdict = verdict_of(rows, "digits")
    return {c.name: c.candidate and c.candidate.name for c in verdict.choices}


def test_validation_chooses_whatever_the_test_split_says():
    lucky = ("lucky", wrong(range(12), range(1)), 900)
    sound = ("sound", wrong(range(8), range(12)), 900)
    assert chosen(summary(BASELINE, lucky, sound))["most accurate"] == "sound"


def test_the_smallest_is_not_one_that_validation_tells_to_be_worse():
    rows = summary(
        BASELINE,
        ("small", wrong(range(12), range(12)), 500),
        ("smaller", wrong(range(4, 18), range(30)), 300),
        ("tiny", wrong(range(60), range(10)), 10),
    )
    # 'smaller' loses 2 points, which 200 samples do not tell; 'tiny' loses 25.
    assert chosen(rows) == {
        "most accurate": "baseline",
        "smallest, not told worse": "smaller",
        "smallest within 1 point": "small",
    }
    lines = {line[0]: line for line in text.lines(verdict_of(rows, "digits"))}
    assert lines["smallest within 1 point"][-2] == "can't be told"
    # What validation could not tell, the test split does, and the verdict says so.
    assert lines["smallest, not told worse"][-2] == "worse"


def test_a_choice_that_nobody_makes_is_one_sentence():
    rows = summary(BASELINE, ("tiny", wrong(range(60), range(60)), 10))
    said = text.terminal(verdict_of(rows, "digits"), "verdict.md")
    assert "smallest within 1 point: none, every smaller net loses more than 1 point" in said
    assert "smallest, not told worse: none, the validation samples tell" in said
    alone = text.markdown(verdict_of(summary(BASELINE), "digits"))
    assert "none, no net is smaller than the baseline" in alone
    assert verdict_of([], "digits") is None


def test_pruned_weights_settle_a_tie_of_parameters():
    rows = summary(
        BASELINE,
        ("sparse", wrong(range(10), range(10)), 1000),
        ("longer", wrong(range(10), range(10)), 1000),
    )
    rows[1]["nonzero_parameters"], rows[2]["nonzero_parameters"] = 200, 998
    assert chosen(rows)["smallest within 1 point"] == "sparse"
    assert len([c for c in chosen(rows).values() if c == "longer"]) == 0


def test_a_stray_zero_makes_no_net_the_smaller_one():
    rows = summary(
        BASELINE,
        ("scratch", wrong(range(12), range(12)), 500),
        ("pruned", wrong(range(10), range(10)), 502),
        ("larger", wrong(range(8), range(8)), 510),
    )
    rows[1]["nonzero_parameters"], rows[2]["nonzero_parameters"] = 499, 502
    assert chosen(rows)["smallest within 1 point"] == "pruned"
    assert chosen(rows)["smallest, not told worse"] == "pruned"


def test_over_seeds_the_interval_is_student_s_and_no_seed_may_tell_it_worse():
    runs = [
        (name, wrong(range(v), range(t)), size, seed)
        for seed, figures in enumerate(
            [
                {"baseline": (10, 10), "p": (12, 8), "bad": (40, 9)},
                {"baseline": (12, 12), "p": (10, 14), "bad": (90, 9)},
            ]
        )
        for name, size in (("baseline", 1000), ("p", 500), ("bad", 100))
        for v, t in [figures[name]]
    ]
    rows = summary(*runs)
    # Two seeds alone could not tell 'bad' from the baseline: -15 and -39 points, t of one degree.
    assert chosen(rows)["smallest, not told worse"] == "p"
    baseline, p, bad = candidates_of(rows, "digits")
    assert bad.change("validation", baseline).holds_zero
    change = p.change("test", baseline)
    assert change.estimate == pytest.approx(0)  # +1 and -1 points
    assert change.high == pytest.approx(12.706, rel=1e-3)
    # A run that lacks a seed is no candidate.
    assert len(candidates_of(rows[:-1], "digits")) == 2


def test_the_terminal_answers_in_a_few_lines():
    rows = summary(BASELINE, ("p", wrong(range(9), range(9)), 500))
    rows[1]["chosen_from_trials"] = 5
    verdict = verdict_of(rows, "digits")
    assert verdict.considered == 6
    said = text.terminal(verdict, "results/digits/verdict.md")
    assert len(said.splitlines()) <= 8
    assert max(map(len, said.splitlines())) <= 130
    for part in ("10.00 % by a constant", "93.00 % by a linear model", "+0.50 (", "can't be told"):
        assert part in said
    page = text.markdown(verdict)
    assert 'nasturtium.load_model("digits/seed0/p")' in page
    assert "6 nets were compared on 200 validation samples" in page


def test_a_regression_is_judged_by_its_error_in_its_unit():
    def regression(run, mae, size, change):
        return {
            **row(run, wrong(range(0), range(0)), size),
            "task": "regression",
            "target_unit": "kEUR",
            **{f"{split}_mae": mae for split in ("validation", "test")},
            "validation_rmse": 1.3 * mae,
            "test_mae_low": mae - 2,
            "test_mae_high": mae + 2,
            "constant_mae": 90.0,
            "linear_mae": None,
            **{
                f"{prefix}mae_change{end}": change and change[i]
                for prefix in ("", "validation_")
                for i, end in enumerate(("", "_low", "_high"))
            },
        }

    rows = [
        regression("baseline", 40.0, 1000, None),
        regression("p", 41.9, 500, (1.9, 0.5, 3.3)),
        regression("q", 39.0, 600, (-1.0, -3.0, 1.0)),
    ]
    assert chosen(rows) == {
        "least error": "q",
        "smallest, not told worse": "q",
        "smallest within 5 % of MAE": "p",
    }
    said = text.terminal(verdict_of(rows, "digits"), "verdict.md")
    assert "test MAE (kEUR)" in said
    assert "41.90 (39.9 to 43.9)" in said
    assert "90 by a constant (always the mean of the training targets)." in said


def test_a_baseline_that_a_linear_model_beats_has_not_learnt_and_the_verdict_says_so():
    rows = summary(("baseline", wrong(range(30), range(30)), 1000))
    [said] = [s for s in text.missing(verdict_of(rows, "digits")) if "linear" in s]
    assert "85.00 %, 93.00 %" in said
    assert "training.epochs" in said
    # There is no sentence within one point, or without a linear model.
    near = summary(("baseline", wrong(range(15), range(15)), 1000))
    assert not [s for s in text.missing(verdict_of(near, "digits")) if "linear" in s]
    for row_ in rows:
        row_["linear_accuracy"] = None
    assert not [s for s in text.missing(verdict_of(rows, "digits")) if "linear" in s]


def test_a_search_that_found_nothing_within_its_tolerance_is_named_once():
    rows = summary(
        ("baseline", wrong(range(5), range(5)), 1000),
        ("nas", wrong(range(30), range(30)), 100),
        ("nas-small", wrong(range(30), range(30)), 100),
        ("random_search", wrong(range(4), range(4)), 100),
    )
    for row_ in rows[1:3]:
        row_.update(meets_standard=False, chosen_from_trials=7)
    rows[3].update(meets_standard=True, chosen_from_trials=7)
    verdict = verdict_of(rows, "digits")
    [said] = [s for s in text.missing(verdict) if "tolerance" in s]
    assert said.startswith("nas, seed 0:")
    # Both searches' trials and the baseline; a pick is one of its search's nets.
    assert verdict.considered == 15


def test_the_best_for_the_device_keeps_to_its_flash_and_ram_by_the_int8_file():
    def on_device(**limits):
        rows = summary(
            BASELINE,
            ("large", wrong(range(8), range(20)), 900),
            ("fits", wrong(range(14), range(10)), 500),
            ("worse", wrong(range(20), range(1)), 400),
            ("unknown", wrong(range(1), range(1)), 300),
        )
        needs = [(9000, 5000), (8000, 4000), (6000, 2000), (3000, 1000), (None, None)]
        for row_, (flash, ram) in zip(rows, needs, strict=True):
            row_.update(tflite_int8_bytes=flash, tflite_int8_arena_bytes=ram)
            row_.update(tflite_int8_accuracy=0.9, device="board", **limits)
        return verdict_of(rows, "digits")

    both = on_device(device_flash_bytes=7000, device_ram_bytes=3000)
    assert both.choices[-1].name == "best for board"
    # By validation, not by the test split, and not one whose file could not be measured.
    assert both.choices[-1].candidate.name == "fits"
    said = text.terminal(both, "verdict.md")
    assert "fits as an int8 file takes 6,000 of 7,000 bytes of flash and 2,000 of 3,000" in said
    assert "test accuracy is then 90 %" in said
    assert on_device(device_ram_bytes=4000).choices[-1].candidate.name == "large"
    none = on_device(device_flash_bytes=100, device_ram_bytes=3000)
    assert none.choices[-1].candidate is None
    [why] = text.missing(none)
    assert "the lowest needs are 3,000 bytes of flash (available: 100" in why
    assert "best for" not in text.terminal(verdict_of(summary(BASELINE), "digits"), "verdict.md")
