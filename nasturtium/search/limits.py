"""Compares what is known of a net before its training with the limits of the search."""

import logging
import math
from collections.abc import Callable, Mapping

import tf_keras as keras

from nasturtium.compaction import compact, fold_batch_normalization
from nasturtium.deployment.footprint import Footprint
from nasturtium.errors import PruningError, SearchError
from nasturtium.measurement.activations import peak_activation_bytes
from nasturtium.measurement.macs import count_macs
from nasturtium.measurement.size import weight_bytes
from nasturtium.models.weights import count_weights
from nasturtium.pruning.importance import l2, read_weights
from nasturtium.pruning.methods import METHODS
from nasturtium.pruning.selection import ChannelSelection
from nasturtium.search.objective import TERMS

logger = logging.getLogger(__name__)

SKIPPED = "skipped"
# After this many unfit nets in a row, a search gives up.
MOST_SKIPPED_IN_A_ROW = 100

_OF_SHAPE = ("parameters", "macs", "calculated_memory")
_OF_MACHINE = {"gpu_memory", "latency", "training_energy", "inference_energy"}
_OF_FILE = ("int8_flash", "int8_ram")


class Unfit(SearchError):
    """A net that can't meet the requirements, however it is trained."""


def check_limits(
    model: keras.Model,
    row: dict,
    constraints: Mapping[str, float],
    footprint: Callable[[keras.Model], Footprint],
    round_to: int = 1,
) -> None:
    """Refuse a net whose shape alone exceeds a limit; its sizes are then written into ``row``.

    A net with too few channels for its pruning is refused too.

    Parameters
    ----------
    model
        The net before its training. If it is to be pruned in training, only a lower limit for its
        remaining kernels is known.
    row
        The trial's row of ``trials.parquet``.
    constraints
        Largest value by term of the objective.
    footprint
        Flash and RAM of a net's full-integer file; called only if nothing else is exceeded, since
        it takes a second.
    round_to
        In channel pruning, layers keep a multiple of this number of channels.

    Raises
    ------
    Unfit
        With the term, its value and its limit.
    """
    if row["pruning_ratio"]:
        _check_pruned(model, row, constraints, round_to)
        return
    if not constraints.keys() & {*_OF_SHAPE, *_OF_FILE}:
        return
    # As it will be measured.
    used = fold_batch_normalization(model).model
    if row["pruning_ratio"] is not None:
        used = compact(used).model
    counts = count_weights(used)
    macs, macs_reason = count_macs(used)
    memory_bytes = weight_bytes(used) + peak_activation_bytes(used)
    found = {
        "parameters": counts.parameters,
        "prunable_parameters": counts.prunable,
        "macs": macs,
        "macs_reason": macs_reason,
        "calculated_memory_bytes": memory_bytes,
    }
    reason = _exceeded(_OF_SHAPE, found, constraints)
    most_bytes = constraints.get("int8_flash")
    if reason is None and most_bytes is not None and counts.prunable > most_bytes:
        reason = (
            f"int8_flash is above {counts.prunable:,}, a byte for each weight, but at most "
            f"{most_bytes:,.0f} is allowed"
        )
    if reason is None and constraints.keys() & set(_OF_FILE):
        needed = footprint(used)
        found |= {
            "tflite_int8_bytes": needed.flash_bytes,
            "tflite_int8_arena_bytes": needed.ram_bytes,
            "tflite_int8_reason": needed.reason,
        }
        reason = _exceeded(_OF_FILE, found, constraints)
    if reason is not None:
        row.update(found)
        raise _refused(row, reason)


def _check_pruned(
    model: keras.Model, row: dict, constraints: Mapping[str, float], round_to: int
) -> None:
    ratio, most = row["pruning_ratio"], constraints.get("parameters")
    if not METHODS[row["pruning_method"]].removes_channels:
        return
    try:
        selection = ChannelSelection(model, round_to)
    except PruningError as error:
        raise _refused(row, str(error)) from error
    groups = selection.groups
    reachable = selection.reachable(l2(groups, read_weights(model, groups)))
    if ratio > reachable:
        raise _refused(
            row,
            f"it can lose {reachable:.3f} of its prunable parameters, and is to lose {ratio}",
        )
    least = math.floor((1 - ratio - selection.largest_step()) * selection.total)
    if most is not None and least > most:
        raise _refused(
            row, f"parameters is at least {least:,} once pruned, but at most {most:,.0f} is allowed"
        )


def _refused(row: dict, reason: str) -> Unfit:
    row.update(epochs=0, feasible=False)
    return Unfit(reason)


def with_size_limit(
    constraints: Mapping[str, float],
    size_limit: float | None,
    baseline: int,
    smallest: int,
) -> dict[str, float]:
    """The ``constraints``, with ``search.size_limit`` added.

    Parameters
    ----------
    size_limit
        Largest number of parameters as a multiple of the baseline's; None for no limit.
    baseline, smallest
        Parameters of the baseline, and of the smallest net of the space. If the smallest net
        exceeds the limit, nothing could be searched: the limit is left out with a warning.
    """
    if size_limit is None or "parameters" in constraints:
        return dict(constraints)
    most = math.floor(size_limit * baseline)
    if smallest > most:
        logger.warning(
            "The smallest net of the space has %s parameters, more than search.size_limit allows "
            "(%s times the baseline's %s): this search has no such limit.",
            f"{smallest:,}",
            f"{size_limit:g}",
            f"{baseline:,}",
        )
        return dict(constraints)
    return {**constraints, "parameters": most}


def check_measurable(
    constraints: Mapping[str, float], reference: Mapping, reasons: Mapping[str, str]
) -> None:
    """Refuse limits that can't be checked on this machine, before any net is trained.

    A value that is unknown only for the baseline, such as the RAM of a layer without an int8 form,
    may be known for other nets.

    Parameters
    ----------
    reference, reasons
        The baseline's values by column, and the reason for each that is None.

    Raises
    ------
    SearchError
        This machine can't measure a term that is limited.
    """
    for term in sorted(constraints):
        why = reasons.get(TERMS[term]) or "not measured"
        is_of_machine = term in _OF_MACHINE or "not installed" in why
        if is_of_machine and reference.get(TERMS[term]) is None:
            raise SearchError(
                f"search.constraints.{term} can't be checked, since it can't be measured here "
                f"({why}); remove it, or search on a machine that can."
            )


def _exceeded(terms: tuple[str, ...], found: Mapping, constraints: Mapping) -> str | None:
    for term in terms:
        value, most = found[TERMS[term]], constraints.get(term)
        if most is None:
            continue
        if value is None:
            why = found.get("macs_reason" if term == "macs" else "tflite_int8_reason")
            return f"{term} is limited, and not known: {why}"
        if value > most:
            return f"{term} is {value:,}, but at most {most:,.0f} is allowed"
    return None


def has_given_up(rows: list[dict]) -> bool:
    """Whether the last trials of a search, as many as the limit, were all skipped."""
    last = rows[-MOST_SKIPPED_IN_A_ROW:]
    return len(last) == MOST_SKIPPED_IN_A_ROW and all(row["status"] == SKIPPED for row in last)


def tried(rows: list[dict]) -> list[dict]:
    """The rows of the trials that count: those that were not skipped and are no children."""
    return [row for row in rows if row["status"] != SKIPPED and not row.get("parent")]
