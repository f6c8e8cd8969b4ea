"""Checks and conversions that the formats share."""

import logging
from collections.abc import Mapping

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.own.columns import check_digits
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# What a description may promise at most: a header that asks for more is broken or hostile.
MOST_VALUES = 2**34
MOST_CLASSES = 10_000
_ABOUT_ONE = 1.001


def labels(values: np.ndarray, where: str, classes: int | None, first_row: int = 1) -> np.ndarray:
    """``values`` of shape (samples,) as int64 labels from 0.

    Raises
    ------
    DataError
        Not whole numbers from 0 to ``classes`` - 1; the sentence names the row, counted from
        ``first_row``.
    """
    numbers = values.astype(np.float64)
    most = MOST_CLASSES if classes is None else classes
    with np.errstate(invalid="ignore"):
        good = (numbers >= 0) & (numbers < most) & (numbers == np.floor(numbers))
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"{where}: row {row + first_row} has the label {values[row]}, not a whole number from "
            f"0 to {most - 1}; mend the file or the key 'classes'."
        )
    return numbers.astype(np.int64)


def targets(values: np.ndarray, where: str, first_row: int = 1) -> np.ndarray:
    """``values`` of shape (samples,) as float32; DataError names the first that is not finite."""
    numbers = values.astype(np.float32)
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        raise DataError(
            f"{where}: row {row + first_row} has no finite target; mend or remove the row."
        )
    check_digits(values, numbers, where, "give the target another origin")
    return numbers


def finite(
    block: np.ndarray, where: str, first_row: int, missing_allowed: bool, unit: str = "row"
) -> None:
    """Raise DataError for the first row of ``block`` that has an infinite or a missing value."""
    if block.dtype.kind != "f":
        return
    bad = np.isinf(block) if missing_allowed else ~np.isfinite(block)
    if bad.any():
        index = np.unravel_index(int(np.argmax(bad)), block.shape)
        kind = "an infinite" if np.isinf(block[index]) else "a missing"
        mend_only = missing_allowed or block.ndim > 2 or np.isinf(block[index])
        remedy = "mend the file" if mend_only else "mend it or set the key 'missing'"
        raise DataError(f"{where}: {unit} {int(index[0]) + first_row} has {kind} value; {remedy}.")


def stored_dtype(dtype: np.dtype, image: bool, where: str) -> np.dtype:
    """The smallest dtype that the study keeps values of ``dtype`` in."""
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise DataError(f"{where}: holds values of type {dtype}, not numbers; save numbers.")
    if not image:
        return np.dtype(np.float32)
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    kept = (np.uint8, np.uint16, np.float16)
    return dtype.newbyteorder("=") if dtype in kept else np.dtype(np.float32)


def input_scale(own: Mapping, low: float, high: float, where: str) -> float:
    """What images of values from ``low`` to ``high`` are divided by; the type does not matter.

    The key, else 1 for values from -1 to 1, else the full scale of 8 or 16 bits.

    Raises
    ------
    DataError
        Only the user can know the full scale.
    """
    if "input_scale" in own:
        return float(own["input_scale"])
    # A little above 1 is what rounding leaves.
    if high <= _ABOUT_ONE and low >= -_ABOUT_ONE:
        return 1.0
    full = next((scale for scale in (255.0, 65_535.0) if high <= scale), None)
    if low < 0 or full is None:
        raise DataError(
            f"{where}: holds values from {low:g} to {high:g}, of which the full scale can't be "
            "told; set 'input_scale'."
        )
    if high < full / 2:
        logger.warning(
            "%s: the largest value is %g, taken for dark images of %g; if it is the full scale, "
            "set 'input_scale: %g'.",
            where,
            high,
            full,
            high,
        )
    return full


def scale_of(own: Mapping, images: np.ndarray, where: str) -> float:
    """:func:`input_scale` of images that lie in memory."""
    return input_scale(own, float(images.min()), float(images.max()), where)


def known_labels(labels: np.ndarray, known: np.ndarray, where: str, source: str) -> None:
    """DataError for a label of the test split alone, which no net can learn."""
    unknown = np.setdiff1d(labels, known)
    if len(unknown):
        raise DataError(
            f"{where}: has the label {unknown[0]}, which {source} has not; mend it, or remove its "
            "samples."
        )


def _check_halvings(name: str, reference: str | Mapping, input_shape: tuple[int, ...]) -> None:
    if isinstance(reference, Mapping) and "cnn1d" in reference:
        halvings = len(reference["cnn1d"]["filters"])
        if input_shape[0] < 2**halvings:
            raise DataError(
                f"Data set '{name}': its reference net has {halvings} layers, each of which halves "
                f"the steps, too many for {input_shape[0]}; give it fewer filters."
            )


def description(
    name: str, own: Mapping, input_shape: tuple[int, ...], labels: np.ndarray, **more
) -> Description:
    """The description of data set ``name``; ``labels`` are its targets."""
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
            f"Data set '{name}': its target is {labels[0]:g} in all samples, so there is nothing "
            "to learn; name another target."
        )
    if own["task"] == "classification":
        classes = own.get("classes") or int(labels.max()) + 1
        empty = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
        if "classes" not in own and len(empty):
            raise DataError(
                f"Data set '{name}': no sample has the label {empty[0]}, though labels count from "
                f"0 and go up to {classes - 1}; number them without gaps, or set 'classes' to "
                f"{classes} if that class is only missing here."
            )
        if classes < 2:
            raise DataError(f"Data set '{name}': has one class only; a classification needs two.")
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
