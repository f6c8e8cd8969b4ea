"""scikit-learn's digits: 1,797 images of 8x8 pixels with values 0 to 16."""

import numpy as np

from nasturtium.data.samples import Samples


def read() -> Samples:
    """The 1,797 images and their labels. There is no published test split."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return Samples(
        features=bunch.images.astype(np.uint8)[..., np.newaxis],
        targets=bunch.target.astype(np.int64),
    )
