"""What the formats of sequences share: samples of shape (steps, channels), float32."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.data.own import checks
from nasturtium.data.own.columns import check_digits
from nasturtium.data.own.suspicions import look_for_marks
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# What to do about numbers that stand for missing ones, by format.
_OF_MISSING = {
    "csv": "list it under 'missing_values'",
    "parquet": "save it as null",
    "ts": "write ? instead",
}
_NARROWER = "subtract what they have in common, or leave the channel out"


def joined(
    samples: Sequence[np.ndarray], own: Mapping, where: str, channels: Sequence[str] | None = None
) -> np.ndarray:
    """Samples of one file, each of shape (steps, channels) in float64, in one float32 array.

    With the key ``steps``, longer ones are cut at their end, and shorter ones go on with their
    last step: a jump to zero would be an event of its own.

    Parameters
    ----------
    channels
        Their names, where they have any.

    Raises
    ------
    DataError
        Lengths differ and ``steps`` is not given, or a value is not finite, or not held by float32.
    """
    lengths = np.array([len(sample) for sample in samples])
    steps = own.get("steps") or int(lengths[0])
    if (lengths != steps).any():
        if "steps" not in own:
            raise DataError(
                f"{where}: has samples of {lengths.min()} to {lengths.max()} steps; set 'steps', "
                "to which longer ones are cut and shorter ones continued with their last step."
            )
        logger.warning(
            "%s: of %d samples, %d are cut to %d steps, and %d are continued with their last one.",
            where,
            len(samples),
            (lengths > steps).sum(),
            steps,
            (lengths < steps).sum(),
        )
    size = len(samples) * steps * samples[0].shape[1]
    if size > checks.MOST_VALUES // 4:
        raise DataError(f"{where}: would take {4 * size:,} bytes with so many 'steps'; lower them.")
    whole = np.empty((len(samples), steps, samples[0].shape[1]), np.float32)
    missing_allowed = own.get("missing", "error") != "error"
    with np.errstate(over="ignore"):
        for target, sample in zip(whole, samples, strict=True):
            target[: len(sample)] = sample[:steps]
            target[len(sample) :] = sample[-1]
    checks.finite(whole.reshape(len(whole), -1), where, 1, missing_allowed, unit="sample")
    for number in range(whole.shape[2]):
        column = np.concatenate([sample[:steps, number] for sample in samples])
        name = f"channel '{channels[number]}'" if channels else f"channel {number + 1}"
        check_digits(column, column.astype(np.float32), f"{where}: {name}", _NARROWER)
        look_for_marks(column, f"{where}: {name}", _OF_MISSING[own["format"]])
    return whole


def array_shape(shape: tuple[int, ...], where: str) -> tuple[int, int]:
    """Steps and channels of an array of shape (samples, steps[, channels]).

    Raises
    ------
    DataError
        It has another number of axes.
    """
    if len(shape) not in (2, 3):
        raise DataError(
            f"{where}: its samples have shape {shape[1:]}, not (steps,) or (steps, channels) as "
            "sequences have; save it so, or leave out 'kind'."
        )
    return (*shape[1:], 1)[:2]


def say_if_turned(steps: int, channels: int, where: str) -> None:
    """Warn of more channels than steps: they may have come first."""
    if channels > steps:
        logger.warning(
            "%s: its samples are taken for %d steps of %d channels; if their channels come first, "
            "turn them before they are saved.",
            where,
            steps,
            channels,
        )
