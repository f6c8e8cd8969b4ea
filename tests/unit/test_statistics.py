"""Intervals compared with statsmodels and SciPy, and how often they contain the true value."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from nasturtium.statistics.classes import (
    balanced_accuracy,
    calibration_error,
    confusion_matrix,
    recalls,
)
from nasturtium.statistics.intervals import (
    accuracy_difference,
    mcnemar,
    mean_difference,
    mean_error,
    proportion,
    rmse_difference,
    root_mean_squared_error,
)
from nasturtium.statistics.verdict import optimism


def answers(random, n: int, accuracy: float, reference: float, shared: float):
    """Right or wrong of two nets: a share of the samples is easy or hard for both."""
    draws = random.random(n)
    own = np.where(random.random(n) < shared, draws, random.random(n))
    return own < accuracy, draws < reference


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (261, 270), (270, 270), (1, 1)])
def test_a_share_s_interval_is_wilson_s(k, n):
    found = proportion(k, n)
    low, high = proportion_confint(k, n, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_the_paired_interval_ends_where_the_score_test_does():
    random = np.random.default_rng(4)
    for _ in range(30):
        right, reference = answers(random, 150, 0.9, 0.8, 0.7)
        one, other = np.sum(right & ~reference), np.sum(~right & reference)
        found = accuracy_difference(right, reference)
        assert found.estimate == pytest.approx(np.mean(right) - np.mean(reference))
        # Without continuity correction McNemar's statistic is (b - c)^2 / (b + c).
        is_told_apart = (one - other) ** 2 / (one + other) > stats.chi2.ppf(0.95, 1)
        assert found.holds_zero != is_told_apart
        turned = accuracy_difference(reference, right)
        assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_the_paired_interval_of_equal_or_opposite_answers():
    right = np.arange(20) < 15
    equal = accuracy_difference(right, right)
    # Rule of thumb for nothing seen: z^2 / n.
    assert (equal.low, equal.high) == pytest.approx((-0.161, 0.161), abs=0.001)
    opposite = accuracy_difference(np.ones(20, bool), np.zeros(20, bool))
    z2 = stats.norm.ppf(0.975) ** 2
    assert opposite.low == pytest.approx((20 - z2) / (20 + z2))
    assert opposite.high == 1
    assert accuracy_difference([True], [False]).high == 1


def test_mcnemar_is_the_exact_test():
    random = np.random.default_rng(0)
    for _ in range(20):
        right, reference = answers(random, 200, 0.9, 0.8, 0.5)
        table = [
            [np.sum(right & reference), np.sum(right & ~reference)],
            [np.sum(~right & reference), np.sum(~right & ~reference)],
        ]
        expected = reference_mcnemar(table, exact=True).pvalue
        assert mcnemar(right, reference) == pytest.approx(expected)
    assert mcnemar(right, right) == 1


def test_the_interval_of_a_mean_difference_is_student_s():
    random = np.random.default_rng(0)
    errors, reference = random.exponential(2, 30), random.exponential(3, 30)
    found = mean_difference(errors, reference)
    expected = stats.ttest_rel(errors, reference).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert mean_difference([1.0], [0.5]).holds_zero


@pytest.mark.parametrize(
    ("n", "accuracy", "reference", "shared"),
    [(270, 0.96, 0.96, 0.8), (270, 0.97, 0.95, 0.5), (100, 0.8, 0.7, 0.5)],
)
def test_paired_intervals_of_accuracy_hold_the_truth_in_19_of_20_studies(
    n, accuracy, reference, shared
):
    random = np.random.default_rng(1)
    studies = 2000
    held = 0
    for _ in range(studies):
        found = accuracy_difference(*answers(random, n, accuracy, reference, shared))
        held += found.low <= accuracy - reference <= found.high
    # The count is itself random: 95 % within two standard errors, 0.49 points each.
    assert 0.93 <= held / studies <= 0.97


def test_paired_intervals_of_mae_hold_the_truth_in_19_of_20_studies():
    random = np.random.default_rng(2)
    studies = 2000
    held = 0
    for _ in range(studies):
        common = random.exponential(1, 66)
        found = mean_difference(common + random.exponential(0.5, 66), common)
        held += found.low <= 0.5 <= found.high
    assert 0.93 <= held / studies <= 0.97


def test_equal_nets_can_not_be_told_apart():
    random = np.random.default_rng(3)
    told_apart = sum(
        not accuracy_difference(*answers(random, 270, 0.96, 0.96, 0.8)).holds_zero
        for _ in range(400)
    )
    assert told_apart <= 0.07 * 400


@pytest.mark.parametrize("n", [66, 400])
@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        (lambda random, n: np.abs(random.normal(size=n)), np.sqrt(2 / np.pi)),
        (lambda random, n: random.normal(size=n) ** 2, 1.0),
        (lambda random, n: random.exponential(size=n), 1.0),
    ],
    ids=["absolute normal", "squared normal", "absolute Laplace"],
)
def test_intervals_of_mean_errors_hold_the_truth_in_19_of_20_studies(n, draw, mean):
    random = np.random.default_rng(5)
    studies = 1500
    found = [mean_error(draw(random, n)) for _ in range(studies)]
    assert 0.93 <= sum(f.low <= mean <= f.high for f in found) / studies <= 0.97


def test_an_rmse_s_interval_is_the_root_of_its_mean_square_s():
    errors = np.random.default_rng(0).normal(0, 3, 200)
    found, squared = root_mean_squared_error(errors), mean_error(errors**2)
    assert found.estimate == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert (found.low, found.high) == pytest.approx((squared.low**0.5, squared.high**0.5))
    # Symmetric values have nothing to be transformed away: Student's t.
    plain = stats.t.interval(0.95, 3, loc=2.5, scale=stats.sem([1, 2, 3, 4]))
    assert mean_error([1, 2, 3, 4]).high == pytest.approx(plain[1])
    assert mean_error([7.0]).high == np.inf


def test_paired_intervals_of_rmse_hold_the_truth_in_19_of_20_studies():
    random = np.random.default_rng(6)
    studies, truth = 1500, np.sqrt(1 + 0.5**2) - np.sqrt(1 + 0.3**2)
    held = 0
    for _ in range(studies):
        common = random.normal(size=66)
        own, other = (common + s * random.normal(size=66) for s in (0.5, 0.3))
        found = rmse_difference(own, other)
        held += found.low <= truth <= found.high
    assert 0.93 <= held / studies <= 0.97
    equal = rmse_difference(common, common)
    assert (equal.estimate, equal.low, equal.high) == (0, 0, 0)


def test_figures_by_class_are_scikit_learn_s():
    random = np.random.default_rng(0)
    targets, answers = random.integers(0, 3, 200), random.integers(0, 4, 200)
    confusion = confusion_matrix(targets, answers, 4)
    assert np.array_equal(confusion, metrics.confusion_matrix(targets, answers, labels=range(4)))
    expected = metrics.recall_score(targets, answers, average=None, labels=range(3))
    assert recalls(confusion) == pytest.approx([*expected, None])
    # A class without samples has no recall to count.
    assert balanced_accuracy(confusion) == pytest.approx(np.mean(expected))


def test_probabilities_are_calibrated_if_they_come_true():
    random = np.random.default_rng(0)
    stated = random.uniform(0.5, 1, 20_000)
    assert calibration_error(stated, random.random(20_000) < stated) < 0.02
    assert calibration_error(stated, random.random(20_000) < stated - 0.2) == pytest.approx(
        0.2, abs=0.02
    )
    assert calibration_error([0.75], [True]) == pytest.approx(0.25)


def test_the_best_of_many_looks_as_much_better_as_a_simulation_shows():
    random = np.random.default_rng(0)
    for candidates in (2, 24):
        found = random.normal(0, 1.5, (20_000, candidates)).max(axis=1).mean()
        assert optimism(candidates, 1.5) == pytest.approx(found, rel=0.03)
    assert optimism(1, 1.5) == 0


def test_why_errors_are_not_given_student_s_or_a_bca_interval():
    """The comparison that docs/measuring.md and mean_error refer to; on 66 squared errors."""
    random = np.random.default_rng(7)
    studies, held = 600, {"hall": 0, "student": 0, "bca": 0}
    for _ in range(studies):
        errors = random.normal(size=66) ** 2
        found = mean_error(errors)
        student = stats.t.interval(0.95, 65, loc=errors.mean(), scale=stats.sem(errors))
        drawn = np.sort(errors[random.integers(0, 66, (500, 66))].mean(axis=1))
        shift = stats.norm.ppf(np.mean(drawn < errors.mean()))
        centred = errors - errors.mean()
        bend = np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5)
        z = shift + stats.norm.ppf([0.025, 0.975])
        bca = np.quantile(drawn, stats.norm.cdf(shift + z / (1 - bend * z)))
        for name, (low, high) in (
            ("hall", (found.low, found.high)), ("student", student), ("bca", bca)
        ):  # fmt: skip
            held[name] += low <= 1 <= high
    assert held["hall"] / studies >= 0.93
    assert held["hall"] > max(held["student"], held["bca"])
    assert held["student"] / studies < 0.93
