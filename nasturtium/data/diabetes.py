"""scikit-learn's diabetes: 442 patients, ten variables, disease progression after a year."""

import numpy as np

from nasturtium.data.samples import Samples


def read() -> Samples:
    """The 442 rows in their original units.

    scikit-learn also offers scaled columns. They are not used, because the scaling includes the
    rows of the test split.
    """
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return Samples(features=bunch.data.astype(np.float32), targets=bunch.target.astype(np.float32))
