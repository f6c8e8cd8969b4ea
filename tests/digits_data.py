"""The first of scikit-learn's digits, as a training sees them."""

import numpy as np

from nasturtium.data import readers
from nasturtium.data.catalog import describe
from nasturtium.data.splits import Split, TrainingData


def digits_data(train: int, validation: int) -> TrainingData:
    """That many samples for each split, in the data set's own order."""
    samples = readers.read("digits")
    parts = np.split(np.arange(train + validation), [train])
    splits = [Split(samples.features[part], samples.targets[part]) for part in parts]
    return TrainingData(describe("digits"), *splits)
