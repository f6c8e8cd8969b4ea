"""Splits that keep groups whole, or that test on what came later."""

import logging

import numpy as np

from nasturtium.errors import DataError

logger = logging.getLogger(__name__)


def cut_by_groups(
    indices: np.ndarray, groups: np.ndarray, share: float, seed: int, where: str
) -> list[np.ndarray]:
    """``indices`` cut in two, ascending: whole groups, the second part about ``share`` of samples.

    Groups are drawn in the order of ``seed`` until the share is reached as nearly as they allow.

    Parameters
    ----------
    groups
        Number of its group by sample, for all samples; int64.

    Raises
    ------
    DataError
        There is one group only.
    """
    found, of_group, counts = np.unique(groups[indices], return_inverse=True, return_counts=True)
    if len(found) < 2:
        raise DataError(f"{where}: has one group only to be split; name another 'split.group'.")
    order = np.random.default_rng(seed).permutation(len(found))
    reached = np.cumsum(counts[order])
    taken = int(np.argmin(np.abs(reached - share * len(indices)))) + 1
    second = np.isin(of_group, order[: min(taken, len(found) - 1)])
    return [indices[~second], indices[second]]


def cut_by_time(indices: np.ndarray, times: np.ndarray, share: float, where: str) -> list:
    """``indices`` cut in two, ascending: the second part has about the latest ``share`` of them.

    Samples of the same time stay together.

    Parameters
    ----------
    times
        Rank of its time by sample, for all samples; int64.

    Raises
    ------
    DataError
        There is one time only.
    """
    found, counts = np.unique(times[indices], return_counts=True)
    if len(found) < 2:
        raise DataError(f"{where}: has one time only to be split; name another 'split.time'.")
    later = np.cumsum(counts[::-1])[::-1]
    begin = int(np.argmin(np.abs(later[1:] - share * len(indices)))) + 1
    second = times[indices] >= found[begin]
    return [indices[~second], indices[second]]


def check_published(order: np.ndarray, kind: str, test_from: int, where: str) -> None:
    """Say where a test file of its own does not keep to groups or time."""
    train, test = order[:test_from], order[test_from:]
    if kind == "group" and (shared := len(np.intersect1d(train, test))):
        logger.warning("%s: %d groups are in the test file and in the other too.", where, shared)
    if kind == "time" and test.min() <= train.max():
        logger.warning("%s: the test file begins before the other one ends.", where)
