"""Checks and conversions that all formats share."""

import logging
from collections.abc import Mapping

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.own.columns import check_digits
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# Upper limits: a header that states more is broken or hostile.
MOST_VALUES = 2**34
MOST_CLASSES = 10_000
_ABOUT_ONE = 1.001


def labels(values: np.ndarray, where: str, classes: int | None, first_row: int = 1) -> np.ndarray:
    """``values`` of shape (samples,) as int64 labels from 0.

    Raises
    ------
    DataError
        A label is no whole number from 0 to ``classes`` - 1. The message names its row, counted
        from ``first_row``.
    """
    numbers = values.astype(np.float64)
    most = MOST_CLASSES if classes is None else classes
    with np.errstate(invalid="ignore"):
        good = (numbers >= 0) & (numbers < most) & (numbers == np.floor(numbers))
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"{where}: row {row + first_row} has the label {values[row]}, not a whole number from "
            f"0 to {most - 1}; correct the file or the key 'classes'."
        )
    return numbers.astype(np.int64)


def targets(values: np.ndarray, where: str, first_row: int = 1) -> np.ndarray:
    """``values`` of shape (samples,) as float32; DataError names the first one not finite."""
    numbers = values.astype(np.float32)
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        raise DataError(
            f"{where}: row {row + first_row} has no finite target; correct or remove the row."
        )
    check_digits(values, numbers, where, "subtract a constant from the target")
    return numbers


def finite(
    block: np.ndarray, where: str, first_row: int, missing_allowed: bool, unit: str = "row"
) -> None:
    """Raise DataError for the first row of ``block`` with an infinite or a missing value."""
    if block.dtype.kind != "f":
        return
    bad = np.isinf(block) if missing_allowed else ~np.isfinite(block)
    if bad.any():
        index = np.unravel_index(int(np.argmax(bad)), block.shape)
        kind = "an infinite" if np.isinf(block[index]) else "a missing"
        mend_only = missing_allowed or block.ndim > 2 or np.isinf(block[index])
        remedy = "correct the file" if mend_only else "correct it or set the key 'missing'"
        raise DataError(f"{where}: {unit} {int(index[0]) + first_row} has {kind} value; {remedy}.")


def stored_dtype(dtype: np.dtype, image: bool, where: str) -> np.dtype:
    """The dtype in which values of ``dtype`` are stored: the smallest one that is suitable."""
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise DataError(f"{where}: holds values of type {dtype}, not numbers; save numbers.")
    if not image:
        return np.dtype(np.float32)
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    kept = (np.uint8, np.uint16, np.float16)
    return dtype.newbyteorder("=") if dtype in kept else np.dtype(np.float32)


def input_scale(own: Mapping, low: float, high: float, where: str) -> float:
    """The divisor of images with values from ``low`` to ``high``; their type does not matter.

    It is the key ``input_scale`` if given, 1 for values from -1 to 1, and otherwise the full scale
    of 8 or 16 bits.

    Raises
    ------
    DataError
        The values do not show the full scale, so the user has to set it.
    """
    if "input_scale" in own:
        return float(own["input_scale"])
    # Rounding may lead to values a little above 1.
    if high <= _ABOUT_ONE and low >= -_ABOUT_ONE:
        return 1.0
    full = next((scale for scale in (255.0, 65_535.0) if high <= scale), None)
    if low < 0 or full is None:
        raise DataError(
            f"{where}: has values from {low:g} to {high:g}, which do not show their full scale; "
            "set 'input_scale'."
        )
    if high < full / 2:
        logger.warning(
            "%s: the largest value is %g, so the images are taken as dark ones with a full scale "
            "of %g; if %g is the full scale, set 'input_scale: %g'.",
            where,
            high,
            full,
            high,
            high,
        )
    return full


def scale_of(own: Mapping, images: np.ndarray, where: str) -> float:
    """:func:`input_scale` of images in memory."""
    return input_scale(own, float(images.min()), float(images.max()), where)


def known_labels(labels: np.ndarray, known: np.ndarray, where: str, source: str) -> None:
    """Raise DataError for a label that only the test split has, since no net can learn it."""
    unknown = np.setdiff1d(labels, known)
    if len(unknown):
        raise DataError(
            f"{where}: has the label {unknown[0]}, which {source} does not have; correct it, or "
            "remove its samples."
        )


def _check_halvings(name: str, reference: str | Mapping, input_shape: tuple[int, ...]) -> None:
    if isinstance(reference, Mapping) and "cnn1d" in reference:
        halvings = len(reference["cnn1d"]["filters"])
        if input_shape[0] < 2**halvings:
            raise DataError(
                f"Data set '{name}': its reference net halves the steps {halvings} times, which is "
                f"too often for {input_shape[0]} steps; give it fewer filters."
            )


def description(
    name: str, own: Mapping, input_shape: tuple[int, ...], labels: np.ndarray, **more
) -> Description:
    """The description of data set ``name`` with the targets ``labels``."""
    image = len(input_shape) == 3
    for net, dimensions in (("cnn", 3), ("cnn1d", 2)):
        is_asked_for = isinstance(own["reference"], Mapping) and net in own["reference"]
        if is_asked_for and len(input_shape) != dimensions:
            raise DataError(
                f"Data set '{name}': its reference net is a {net}, but its samples have shape "
                f"{tuple(input_shape)}; give it an mlp."
            )
    _check_halvings(name, own["reference"], input_shape)
    classes = None
    if own["task"] == "regression" and labels.min() == labels.max():
        raise DataError(
            f"Data set '{name}': its target is {labels[0]:g} for all samples, so there is nothing "
            "to learn; name another target."
        )
    if own["task"] == "classification":
        classes = own.get("classes") or int(labels.max()) + 1
        empty = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
        if "classes" not in own and len(empty):
            raise DataError(
                f"Data set '{name}': no sample has the label {empty[0]}, though labels start at 0 "
                f"and go up to {classes - 1}; number them without gaps, or set 'classes' to "
                f"{classes} if the class has no samples here."
            )
        if classes < 2:
            raise DataError(
                f"Data set '{name}': has only one class, but a classification needs two; add "
                "samples of another class."
            )
    missing = own.get("missing", "error")
    return Description(
        name,
        own["task"],
        tuple(input_shape),
        classes=classes,
        target_unit=own.get("target_unit") if classes is None else None,
        reference=own["reference"],
        licence=own.get("licence"),
        impute=None if image or missing == "error" else missing,
        **more,
    )
