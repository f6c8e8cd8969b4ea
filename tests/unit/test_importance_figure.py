"""The figure of which hyperparameters decide error and size."""

import json
import random

from nasturtium.report.importance import LEAST_TRIALS, draw_importance, importances


def search(count: int, seed: int = 0) -> tuple[list[dict], list[dict]]:
    """Nets whose error is decided by their kernel, and whose size by their filters."""
    draw = random.Random(seed)
    trials, epochs = [], []
    for number in range(count):
        values = {
            "body/filters": draw.choice([4, 8, 16, 32]),
            "body/kernel": draw.choice([3, 5, 7]),
            "body/pooled": draw.choice([False, True]),
            "body/family": draw.choice(["plain", "residual"]),
            "body/fixed": 1,
        }
        name = f"{number:04d}"
        trials.append(
            {
                "trial": name,
                "status": "completed",
                "hyperparameters": json.dumps(values),
                "parameters": 100 * values["body/filters"] ** 2,
            }
        )
        # Those that were promoted have more epochs, and a lower loss at their end.
        for epoch in range(3 if number % 3 else 9):
            loss = values["body/kernel"] ** 2 * 0.9**epoch * draw.gauss(1, 0.02)
            epochs.append({"trial": name, "validation_loss": loss})
    return trials, epochs


def test_what_decides_error_and_size_explains_them():
    found = importances(*search(40))
    assert found["error"]["body/kernel"] > 0.9
    assert found["size"]["body/filters"] > 0.9
    # What was the same in all nets explains nothing, and has no bar.
    assert "body/fixed" not in found["error"]


def test_failed_trials_don_t_count_and_few_say_nothing():
    trials, epochs = search(LEAST_TRIALS)
    assert importances(trials, epochs)
    assert importances(trials[:-1], epochs) == {}
    trials[0]["status"] = "failed"
    assert importances(trials, epochs) == {}


def test_the_figure_has_a_bar_a_hyperparameter_or_a_sentence(tmp_path):
    two = [search(20, seed) for seed in (0, 1)]
    trials, training = {"nas": [t for t, _ in two]}, {"nas": [e for _, e in two]}
    draw_importance(trials, training, "digits: which hyperparameter matters", tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 5000
    few = {"nas": [two[0][0][:3]]}
    draw_importance(few, {"nas": [two[0][1]]}, "digits", tmp_path / "b.svg")
    assert (tmp_path / "b.svg").stat().st_size > 1000
