"""Confidence intervals of single figures and of paired differences, and McNemar's test.

Paired means that two nets are compared on the same samples. Samples that both get right or wrong do
not contribute to their difference, so its interval is far narrower than those of the two figures
suggest.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval, in the unit of the figure."""

    estimate: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether the interval contains 0, so that the data allow that there is no difference."""
        return self.low <= 0 <= self.high


def student_t(degrees: int, confidence: float = CONFIDENCE) -> float:
    """Student's t between whose negative and positive value lies this share of the distribution."""
    return float(special.stdtrit(degrees, (1 + confidence) / 2))


def proportion(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Interval of a proportion, by Wilson's score (Wilson 1927, JASA 22(158)).

    Parameters
    ----------
    successes, n
        For an accuracy: correct predictions, and samples (at least one).
    """
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    share = successes / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def accuracy_difference(
    right: np.ndarray, reference_right: np.ndarray, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the difference of two accuracies on the same samples.

    The score interval of Tango 1998 (Statistics in Medicine 17(8), 891-908). Unlike Wald's it keeps
    its coverage if few samples distinguish the two. It contains 0 exactly if McNemar's test,
    without continuity correction, finds no difference.

    Parameters
    ----------
    right, reference_right
        Whether each sample was predicted correctly; shape (samples,), at least one.
    """
    # Imported here, as scipy.stats below, since it takes half a second and few jobs need it.
    from scipy.optimize import brentq

    right, reference_right = np.asarray(right, bool), np.asarray(reference_right, bool)
    n, z = len(right), float(special.ndtri((1 + confidence) / 2))
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
        (n,). With a single pair the interval is infinite, since the spread is unknown.
    """
    differences = np.asarray(values, np.float64) - np.asarray(reference_values, np.float64)
    n, estimate = len(differences), float(np.mean(differences))
    if n < 2:
        return Interval(estimate, -math.inf, math.inf)
    half = student_t(n - 1, confidence) * np.std(differences, ddof=1) / math.sqrt(n)
    return Interval(estimate, float(estimate - half), float(estimate + half))


def mean_error(values: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the mean of skewed errors: of an MAE, or of an MSE.

    Student's t after a transformation that removes the skewness (Hall 1992, JRSS B 54(1), 221-228).
    For errors of 66 to 400 samples it has the coverage of a studentised bootstrap, without random
    numbers, and more than Student's t or a BCa bootstrap (see the simulation in
    tests/unit/test_statistics.py).

    Parameters
    ----------
    values
        Absolute or squared errors; shape (n,). With a single one the spread is unknown.
    """
    values = np.asarray(values, np.float64)
    n, estimate = len(values), float(np.mean(values))
    if n < 2:
        return Interval(estimate, 0.0, math.inf)
    deviation = float(np.std(values, ddof=1))
    if deviation == 0:
        return Interval(estimate, estimate, estimate)
    skewness = float(np.mean((values - estimate) ** 3)) / deviation**3
    t = student_t(n - 1, confidence)
    low, high = (estimate - deviation * _unskewed(end, skewness, n) for end in (t, -t))
    return Interval(estimate, max(0.0, low), high)


def root_mean_squared_error(errors: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """Interval of an RMSE, the root of that of the mean squared error; ``errors`` are signed."""
    squared = mean_error(np.square(np.asarray(errors, np.float64)), confidence)
    return Interval(*(math.sqrt(end) for end in (squared.estimate, squared.low, squared.high)))


def rmse_difference(
    errors: np.ndarray, reference_errors: np.ndarray, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the difference of two RMSEs on the same samples.

    By the delta method: a small change of an RMSE is that of the mean squared error divided by
    twice the RMSE. The mean of these values has Student's interval, as in :func:`mean_difference`.
    """
    pair = [np.asarray(e, np.float64) for e in (errors, reference_errors)]
    rmse = [float(np.sqrt(np.mean(np.square(e)))) for e in pair]
    parts = [
        np.square(e) / (2 * r) if r else np.zeros_like(e) for e, r in zip(pair, rmse, strict=True)
    ]
    moved, estimate = mean_difference(*parts, confidence), rmse[0] - rmse[1]
    half = (moved.high - moved.low) / 2
    return Interval(estimate, estimate - half, estimate + half)


def mcnemar(right: np.ndarray, reference_right: np.ndarray) -> float:
    """Two-sided p of equal accuracies: the exact test of McNemar 1947 (Psychometrika 12(2)).

    Only samples that exactly one of the two predicts correctly count; without any, p is 1.
    """
    right, reference_right = np.asarray(right, bool), np.asarray(reference_right, bool)
    one, other = int(np.sum(right & ~reference_right)), int(np.sum(~right & reference_right))
    from scipy import stats

    return float(stats.binomtest(one, one + other).pvalue) if one + other else 1.0


def _tango_score(one: int, other: int, n: int, difference: float) -> float:
    """Standardised distance of the observed difference from ``difference`` (Tango 1998, eq. 6).

    The share that only the reference predicts correctly is its maximum-likelihood estimate under
    that difference.
    """
    linear = -one - other + (2 * n - one + other) * difference
    constant = -other * difference * (1 - difference)
    share = (math.sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    distance = one - other - n * difference
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _unskewed(quantile: float, skewness: float, n: int) -> float:
    """Distance of the mean from an end, in standard deviations: the inverse of Hall's cubic."""
    bent = 1 + skewness * (quantile / math.sqrt(n) - skewness / (6 * n))
    if abs(skewness) < 1e-9:
        return quantile / math.sqrt(n)
    return 3 * (math.copysign(abs(bent) ** (1 / 3), bent) - 1) / skewness
