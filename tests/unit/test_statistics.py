"""Intervals against statsmodels and SciPy, and by how often they hold the truth."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from nasturtium.statistics.intervals import (
    accuracy_difference,
    mcnemar,
    mean_difference,
    proportion,
)


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
