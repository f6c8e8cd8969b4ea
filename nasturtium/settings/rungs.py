"""Rungs of a search: many nets for few epochs, a third of them for more, a few to the end."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# One of this many nets is promoted, and trained for this many times the epochs.
FACTOR = 3
# A schedule of pruning has to fit into the last rung.
_LEAST_PRUNING_STEPS = 60
# With only one net trained to the end, there would be no choice.
LEAST_FINALISTS = 2


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


def child_epochs(epochs: int, steps_per_epoch: int | None = None) -> int:
    """Epochs in which a child is pruned: a third of a net's, or more if its pruning needs them."""
    least = math.ceil(_LEAST_PRUNING_STEPS / steps_per_epoch) if steps_per_epoch else 1
    return min(epochs, max(math.ceil(epochs / FACTOR), least))


def promoted_count(nets: int, least: int = LEAST_FINALISTS) -> int:
    """How many of this number of nets are promoted: a third, but at least ``least`` if possible."""
    return max(min(least, nets), nets // FACTOR)


def affordable_nets(budget: int, epochs: Sequence[int], least: int = LEAST_FINALISTS) -> int:
    """Largest number of nets, at least one, whose rungs take at most ``budget`` epochs in total.

    Parameters
    ----------
    epochs
        As returned by :func:`rung_epochs`.
    least
        See :func:`promoted_count`.
    """
    nets = 1
    while spent_epochs(nets + 1, epochs, least) <= budget:
        nets += 1
    return nets


def spent_epochs(nets: int, epochs: Sequence[int], least: int = LEAST_FINALISTS) -> int:
    """Total epochs of a search that begins with this many nets, over all rungs."""
    spent, before = 0, 0
    for until in epochs:
        spent += nets * (until - before)
        nets, before = promoted_count(nets, least), until
    return spent


def with_children(search: Mapping[str, Any]) -> dict[str, int]:
    """``trials`` and ``children_epochs`` of a search whose total epochs stay as they are.

    Parameters
    ----------
    search
        Section ``search`` with ``epochs``, ``rungs``, ``trials``, ``budget``, ``pruning_ratios``
        (without any but 0 there are no children), and ``children_share``, the share of the epochs
        that is meant for children.
    """
    epochs = rung_epochs(search["epochs"], search["rungs"])
    total, each = (
        search["budget"] or spent_epochs(search["trials"], epochs),
        child_epochs(epochs[-1]),
    )
    share = search["children_share"] if any(search["pruning_ratios"]) else 0
    of_children = int(share * total) // each * each
    if not of_children:
        return {"trials": search["trials"], "children_epochs": 0}
    nets = affordable_nets(total - of_children, epochs, least_finalists(of_children))
    return {"trials": nets, "children_epochs": of_children}


def least_finalists(children_epochs: int) -> int:
    """Least number of nets that are trained to the end: one is enough if it has children."""
    return 1 if children_epochs else LEAST_FINALISTS
