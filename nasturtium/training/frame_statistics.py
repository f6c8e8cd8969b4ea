"""A data set's frame: the statistics that its nets carry, of the train split only."""

import numpy as np

from nasturtium.data.splits import TrainingData
from nasturtium.models.frame import Frame


def frame_of(data: TrainingData) -> Frame:
    """The frame of every net that is trained on ``data``."""
    description, train = data.description, data.train
    tabular = description.input_scale is None
    features = np.asarray(train.features, np.float64) if tabular else None
    regression = description.classes is None
    return Frame(
        input_shape=description.input_shape,
        classes=description.classes,
        input_scale=description.input_scale,
        feature_mean=features.mean(axis=0) if tabular else None,
        feature_variance=_variance(features) if tabular else None,
        target_mean=float(np.mean(train.targets, dtype=np.float64)) if regression else None,
        # A constant target has no scale; the net then has to learn the mean only.
        target_std=float(np.std(train.targets, dtype=np.float64)) or 1.0 if regression else None,
    )


def _variance(features: np.ndarray) -> np.ndarray:
    """Variance by column; 1 where a column is constant.

    Otherwise a value that the train split lacks, a rare category say, would be divided by nearly
    nothing.
    """
    variance = features.var(axis=0)
    return np.where(variance > 0, variance, 1.0)
