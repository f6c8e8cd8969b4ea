"""Confidence intervals of single figures and of paired differences, and McNemar's test.

Paired: two nets are judged on the same samples, so that what both get right or wrong says nothing
of their difference, and the interval is far narrower than those of the two figures suggest.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval, in the unit of the figure."""

    estimate: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether no difference at all is among the values that the data allow."""
        return self.low <= 0 <= self.high


def proportion(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Interval of a share, by Wilson's score (Wilson 1927, JASA 22(158)).

    Parameters
    ----------
    successes, n
        Of an accuracy: right answers, and samples (at least one).
    """
    z2 = stats.norm.ppf((1 + confidence) / 2) ** 2
    share = successes / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def accuracy_difference(
    right: np.ndarray, reference_right: np.ndarray, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the difference of two accuracies on the same samples.

    The score interval of Tango 1998 (Statistics in Medicine 17(8), 891-908). Unlike Wald's it keeps
    its coverage where few samples tell the two apart; it holds 0 exactly where McNemar's test,
    without continuity correction, finds no difference.

    Parameters
    ----------
    right, reference_right
        Whether each sample was answered rightly; shape (samples,), at least one.
    """
    right, reference_right = np.asarray(right, bool), np.asarray(reference_right, bool)
    n, z = len(right), float(stats.norm.ppf((1 + confidence) / 2))
    one, other = int(np.sum(right & ~reference_right)), int(np.sum(~right & reference_right))
    estimate = (one - other) / n

    def border(sign: int) -> float:
        # The score falls from the estimate outwards; an end at +-1 is never excluded.
        def excess(difference: float) -> float:
            return sign * _tango_score(one, other, n, difference) + z

        end = sign * (1 - 1e-9)
        return float(sign) if excess(end) > 0 else float(brentq(excess, estimate, end))

    return Interval(estimate, border(-1), border(1))


def mean_difference(
    values: np.ndarray, reference_values: np.ndarray, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the mean of paired differences, by Student's t; of two MAEs from their errors.

    Parameters
    ----------
    values, reference_values
        Absolute errors of two nets on the same samples, or a figure of two runs by seed; shape
        (n,). With a single pair the interval is infinite: nothing is known of the spread.
    """
    differences = np.asarray(values, np.float64) - np.asarray(reference_values, np.float64)
    n, estimate = len(differences), float(np.mean(differences))
    if n < 2:
        return Interval(estimate, -math.inf, math.inf)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * np.std(differences, ddof=1) / math.sqrt(n)
    return Interval(estimate, float(estimate - half), float(estimate + half))


def mcnemar(right: np.ndarray, reference_right: np.ndarray) -> float:
    """Two-sided p of equal accuracies: the exact test of McNemar 1947 (Psychometrika 12(2)).

    Only samples that exactly one of the two answers rightly count; without any, p is 1.
    """
    right, reference_right = np.asarray(right, bool), np.asarray(reference_right, bool)
    one, other = int(np.sum(right & ~reference_right)), int(np.sum(~right & reference_right))
    return float(stats.binomtest(one, one + other).pvalue) if one + other else 1.0


def _tango_score(one: int, other: int, n: int, difference: float) -> float:
    """Standardised distance of the observed difference from ``difference`` (Tango 1998, eq. 6).

    The share that only the reference answers rightly is its maximum-likelihood estimate under that
    difference.
    """
    linear = -one - other + (2 * n - one + other) * difference
    constant = -other * difference * (1 - difference)
    share = (math.sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    distance = one - other - n * difference
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)
