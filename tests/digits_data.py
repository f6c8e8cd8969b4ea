"""The first samples of scikit-learn's digits, in the form of training data."""

import numpy as np

from nasturtium.data import readers
from nasturtium.data.catalog import describe
from nasturtium.data.splits import Split, TrainingData


def digits_data(train: int, validation: int) -> TrainingData:
    """The given number of samples for each split, in the order of the data set."""
    samples = readers.read("digits")
    parts = np.split(np.arange(train + validation), [train])
    splits = [Split(samples.features[part], samples.targets[part]) for part in parts]
    return TrainingData(describe("digits"), *splits)
