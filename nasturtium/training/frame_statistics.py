"""A data set's frame: statistics of the train split that are part of its nets."""

import numpy as np

from nasturtium.data.catalog import Description
from nasturtium.data.splits import TrainingData
from nasturtium.data.text import FIRST_WORD
from nasturtium.errors import DataError
from nasturtium.models.frame import Frame

# Keras's Normalization divides by at least 1e-7, and stores the variance in float32.
_LEAST_DEVIATION, _MOST_DEVIATION = 1e-6, 1e18
# The usual numbers of bins divide it: 8, 16, 24, 32, 40, 48.
_QUANTILES = 481


def frame_of(data: TrainingData) -> Frame:
    """The frame of every net that is trained on ``data``."""
    description, train = data.description, data.train
    tabular = description.input_scale is None and description.text is None
    features = None
    if tabular:
        # A channel of a sequence has one mean and deviation over all its steps.
        columns = train.features.shape[-1]
        features = np.asarray(train.features, np.float64).reshape(-1, columns)
        mean, variance = features.mean(axis=0), _variance(features, description)
    is_table = tabular and len(description.input_shape) == 1
    regression = description.classes is None
    return Frame(
        input_shape=description.input_shape,
        classes=description.classes,
        input_scale=description.input_scale,
        feature_mean=mean if tabular else None,
        feature_variance=variance if tabular else None,
        quantiles=_quantiles((features - mean) / np.sqrt(variance)) if is_table else None,
        target_mean=float(np.mean(train.targets, dtype=np.float64)) if regression else None,
        target_std=target_std(train.targets) if regression else None,
        vocabulary=description.text and description.text["vocabulary"] + FIRST_WORD,
    )


def _quantiles(standardised: np.ndarray) -> np.ndarray:
    """Of each column, shape (quantiles, columns)."""
    return np.quantile(standardised, np.linspace(0, 1, _QUANTILES), axis=0)


def target_std(targets: np.ndarray) -> float:
    """Standard deviation of a regression's targets, in their unit.

    1 if they are constant; the net then only has to learn the mean.
    """
    if targets.min() == targets.max():  # their computed deviation need not be exactly 0
        return 1.0
    return float(np.std(targets, dtype=np.float64))


def _variance(features: np.ndarray, description: Description) -> np.ndarray:
    """Variance by column or channel; 1 where it is constant.

    Otherwise a value that the train split lacks, such as a rare category, would be divided by
    nearly zero.

    Raises
    ------
    DataError
        A column varies by less or more than the layer that standardises it can represent.
    """
    # The computed variance of equal values may differ from exactly 0.
    constant = features.min(axis=0) == features.max(axis=0)
    variance = np.where(constant, 1.0, features.var(axis=0))
    deviation = np.sqrt(variance)
    beyond = (deviation < _LEAST_DEVIATION) | (deviation > _MOST_DEVIATION)
    if beyond.any():
        index = int(np.argmax(beyond))
        column = (description.feature_names or range(1, len(variance) + 1))[index]
        raise DataError(
            f"Data set '{description.name}': column '{column}' has a standard deviation of "
            f"{deviation[index]:.1e} in the train split, which float32 can't standardise; use a "
            "unit in which it is closer to 1."
        )
    return variance
