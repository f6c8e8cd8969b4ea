"""Children of a search's nets: their trained nets, pruned further and compacted.

A child starts from what its parent has learnt (Lamarckian inheritance: Elsken et al. 2019,
LEMONADE, arXiv 1804.09081, section 3.1), so a third of a new net's epochs is enough for it.
Compaction is exact. A child may have children too.
"""

import logging
import math
from collections.abc import Mapping, Sequence

from nasturtium.errors import PruningError
from nasturtium.pruning.importance import l2, read_weights
from nasturtium.pruning.selection import ChannelSelection
from nasturtium.search.picks import covered
from nasturtium.search.trial import child_name
from nasturtium.search.trials import Trials
from nasturtium.statistics.pareto import pareto_front

logger = logging.getLogger(__name__)

# How ln loss is expected to rise with the logarithm of the size that is lost, before any child has
# shown it.
_EXPECTED_SLOPE = 0.25
_FIRST_RATIO = 0.5
# A larger step seldom succeeds in so few epochs; a child of the child can lose the rest.
_LARGEST_RATIO = 0.7


def breed(trials: Trials) -> None:
    """Train children until their epochs are spent; recorded ones are not repeated.

    By turns, the smallest net within the tolerance has a child, and the net of the front whose
    child is expected to enlarge the hypervolume most.
    """
    if not trials.children_epochs:
        return
    ratios = [ratio for ratio in trials.space.pruning_ratios if ratio > 0]
    ratios = [ratio for ratio in ratios if ratio <= _LARGEST_RATIO] or ratios
    # One at least: where an epoch has few steps, a child takes more epochs than were planned.
    count = max(1, trials.children_epochs // trials.training.child_epochs)
    tried: set[str] = set()
    for number in range(count):
        if trials.is_late(len(trials.rungs)):
            logger.warning("%s: no time is left for further children.", trials.label)
            return
        found = _next_child(trials, ratios, tried, smallest_first=number % 2 == 0)
        if found is None:
            logger.info("%s: no net of the front can be pruned further.", trials.label)
            return
        row = trials.begun_child(*found)
        tried.add(row["trial"])
        if trials.ledger.recall(row) is None:
            trials.rows.append(row)
            trials.attempt(trials.run_rung, row, len(trials.rungs) - 1)


def _next_child(
    trials: Trials, ratios: Sequence[float], tried: set[str], *, smallest_first: bool
) -> tuple[dict, float] | None:
    """The parent and the ratio of the next child, or None if no net can have a further child."""
    last = len(trials.rungs) - 1
    known = [row for row in trials.rows if row["status"] == "completed" and row["rung"] == last]
    points = [(row["validation_loss"], row["parameters"]) for row in known]
    parents = [row for row, on in zip(known, pareto_front(points), strict=True) if on]
    possible = [
        (row, ratio)
        for row in parents
        for ratio in ratios
        if child_name(row["trial"], ratio) not in tried
    ]
    good = [row for row in parents if trials.judge.standard.is_met(row)]
    if smallest_first and good:
        smallest = min(good, key=lambda row: (row["parameters"], row["trial"]))
        # A half first; if that is too much, less.
        steps = [(row, r) for row, r in possible if row is smallest and r <= _FIRST_RATIO]
        for row, ratio in sorted(steps, key=lambda pair: -pair[1]):
            if _can_lose(trials, row, ratio):
                return row, ratio
    gains = [
        (covered([*known, _expected_child(row, ratio, known)]), row, ratio)
        for row, ratio in possible
    ]
    # By name where gains are equal, so that a resumed search has the same children.
    for _, row, ratio in sorted(gains, key=lambda gain: (-gain[0], gain[1]["trial"], gain[2])):
        if _can_lose(trials, row, ratio):
            return row, ratio
    return None


def _expected_child(parent: Mapping, ratio: float, known: Sequence[Mapping]) -> dict:
    """What is expected of a child, from what the parent and its children lost by pruning."""
    by_name = {row["trial"]: row for row in known}
    slopes = [_EXPECTED_SLOPE]
    for row in known:
        if row["parent"] in by_name and parent["trial"] in (row["trial"], row["parent"]):
            slopes.append(_slope(by_name[row["parent"]], row))
    rise = max(slopes) * -math.log(1 - ratio)
    return {
        **parent,
        "validation_loss": max(parent["validation_loss"], 1e-12) * math.exp(min(rise, 50.0)),
        "parameters": (1 - ratio) * parent["parameters"],
    }


def _slope(parent: Mapping, child: Mapping) -> float:
    lost = math.log(parent["parameters"] / child["parameters"])
    losses = [max(row["validation_loss"], 1e-12) for row in (parent, child)]
    return math.log(losses[1] / losses[0]) / lost if lost > 0 else math.inf


def _can_lose(trials: Trials, row: dict, ratio: float) -> bool:
    """Whether the trained net of the trial can lose this share of its prunable parameters."""
    model = trials.trained_net(row)
    try:
        selection = ChannelSelection(model, trials.round_to)
    except PruningError:
        return False
    groups = selection.groups
    return ratio <= selection.reachable(l2(groups, read_weights(model, groups)))
