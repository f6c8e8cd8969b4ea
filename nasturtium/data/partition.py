"""Splits that keep groups whole, or that use the latest samples for the test."""

import logging

import numpy as np

from nasturtium.errors import DataError

logger = logging.getLogger(__name__)


def cut_by_groups(
    indices: np.ndarray, groups: np.ndarray, share: float, seed: int, where: str
) -> list[np.ndarray]:
    """``indices`` in two ascending parts of whole groups; the second has about ``share`` of them.

    ``seed`` decides the order in which groups are drawn. Drawing stops when the second part is as
    close to its share as possible.

    Parameters
    ----------
    groups
        Number of the group of every sample; int64.

    Raises
    ------
    DataError
        There is only one group.
    """
    found, of_group, counts = np.unique(groups[indices], return_inverse=True, return_counts=True)
    if len(found) < 2:
        raise DataError(
            f"{where}: has only one group, so it can't be split; name another column under "
            "'split.group'."
        )
    order = np.random.default_rng(seed).permutation(len(found))
    reached = np.cumsum(counts[order])
    taken = int(np.argmin(np.abs(reached - share * len(indices)))) + 1
    second = np.isin(of_group, order[: min(taken, len(found) - 1)])
    return [indices[~second], indices[second]]


def cut_by_time(indices: np.ndarray, times: np.ndarray, share: float, where: str) -> list:
    """``indices`` in two ascending parts; the second has about ``share`` of them, the latest ones.

    Samples of the same time stay together. ``times`` has the rank of every sample's time, int64.

    Raises
    ------
    DataError
        There is only one time.
    """
    found, counts = np.unique(times[indices], return_counts=True)
    if len(found) < 2:
        raise DataError(
            f"{where}: has only one time, so it can't be split; name another column under "
            "'split.time'."
        )
    later = np.cumsum(counts[::-1])[::-1]
    begin = int(np.argmin(np.abs(later[1:] - share * len(indices)))) + 1
    second = times[indices] >= found[begin]
    return [indices[~second], indices[second]]


def check_published(order: np.ndarray, kind: str, test_from: int, where: str) -> None:
    """Warn if a separate test file shares groups with the training file, or is not later."""
    train, test = order[:test_from], order[test_from:]
    if kind == "group" and (shared := len(np.intersect1d(train, test))):
        logger.warning(
            "%s: %d groups are both in the training file and in the test file; move the samples of "
            "each group to one of them.",
            where,
            shared,
        )
    if kind == "time" and test.min() <= train.max():
        logger.warning(
            "%s: the test file begins before the training file ends; move its earlier samples to "
            "the training file.",
            where,
        )
