"""Rungs of a search: many nets for few epochs, a third of them for more, a few to the end."""

import math
from collections.abc import Sequence

# One of this many nets is promoted, and trained for this many times the epochs.
FACTOR = 3
# A schedule of pruning has to fit into the last rung.
_LEAST_PRUNING_STEPS = 60


def rung_epochs(epochs: int, rungs: int) -> list[int]:
    """Epochs that a net has been trained for at the end of each rung, rising to ``epochs``.

    There are fewer rungs than requested if there are too few epochs to divide.
    """
    shares = (math.ceil(epochs / FACTOR**rung) for rung in reversed(range(rungs)))
    return sorted(set(shares))


def pruning_rungs(epochs: int, rungs: int, steps_per_epoch: int) -> list[int]:
    """The same for a search with pruning, with rungs left out until the last one has steps enough.

    Nets are pruned in the epochs of the last rung.
    """
    found = rung_epochs(epochs, rungs)
    while len(found) > 1 and (found[-1] - found[-2]) * steps_per_epoch < _LEAST_PRUNING_STEPS:
        found = [*found[:-2], found[-1]]
    return found


def promoted_count(nets: int) -> int:
    """How many of this number of nets are promoted: a third, but at least two if possible.

    With only one there would be no choice in the end.
    """
    return max(min(2, nets), nets // FACTOR)


def affordable_nets(budget: int, epochs: Sequence[int]) -> int:
    """Largest number of nets, at least one, whose rungs take at most ``budget`` epochs in total.

    Parameters
    ----------
    epochs
        As returned by :func:`rung_epochs`.
    """
    nets = 1
    while spent_epochs(nets + 1, epochs) <= budget:
        nets += 1
    return nets


def spent_epochs(nets: int, epochs: Sequence[int]) -> int:
    """Total epochs of a search that begins with this many nets, over all rungs."""
    spent, before = 0, 0
    for until in epochs:
        spent += nets * (until - before)
        nets, before = promoted_count(nets), until
    return spent
