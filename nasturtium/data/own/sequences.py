"""Functions that all formats of sequences share; samples are float32 of shape (steps, channels)."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from nasturtium.data.own import checks
from nasturtium.data.own.columns import check_digits
from nasturtium.data.own.suspicions import look_for_marks
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# For each format, the advice for numbers that may mean missing values.
_OF_MISSING = {
    "csv": "list it under 'missing_values'",
    "parquet": "save it as null",
    "ts": "write ? instead",
}
_NARROWER = "subtract a constant from them, or leave the channel out"


def joined(
    samples: Sequence[np.ndarray], own: Mapping, where: str, channels: Sequence[str] | None = None
) -> np.ndarray:
    """Join the samples of one file, each float64 of shape (steps, channels), in a float32 array.

    The key ``steps`` cuts longer samples at their end. In shorter ones the last step is repeated,
    since a jump to zero would be an event of its own.

    Parameters
    ----------
    channels
        Names of the channels, if they have any.

    Raises
    ------
    DataError
        Lengths differ and ``steps`` is not given, or a value is not finite or too long for float32.
    """
    lengths = np.array([len(sample) for sample in samples])
    steps = own.get("steps") or int(lengths[0])
    if (lengths != steps).any():
        if "steps" not in own:
            raise DataError(
                f"{where}: has samples of {lengths.min()} to {lengths.max()} steps; set 'steps', "
                "so that longer samples are cut and the last step of shorter ones is repeated."
            )
        logger.warning(
            "%s: of %d samples, %d are cut to %d steps, and %d are shorter, so their last step is "
            "repeated; to change this, set 'steps'.",
            where,
            len(samples),
            (lengths > steps).sum(),
            steps,
            (lengths < steps).sum(),
        )
    size = len(samples) * steps * samples[0].shape[1]
    if size > checks.MOST_VALUES // 4:
        raise DataError(
            f"{where}: would need {4 * size:,} bytes with {steps:,} steps; set 'steps' to a "
            "smaller number."
        )
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
        The array has another number of axes.
    """
    if len(shape) not in (2, 3):
        raise DataError(
            f"{where}: its samples have shape {shape[1:]}, but sequences have (steps,) or (steps, "
            "channels); save them in one of these shapes, or remove 'kind'."
        )
    return (*shape[1:], 1)[:2]


def say_if_turned(steps: int, channels: int, where: str) -> None:
    """Warn if there are more channels than steps, since the channels may come first."""
    if channels > steps:
        logger.warning(
            "%s: its samples are read as %d steps of %d channels; if the channels come first, swap "
            "the two axes and save the array again.",
            where,
            steps,
            channels,
        )
