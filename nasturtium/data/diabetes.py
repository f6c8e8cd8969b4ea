"""scikit-learn's diabetes: 442 patients, ten variables, disease progression after a year."""

import numpy as np

from nasturtium.data.samples import Samples


def read() -> Samples:
    """The 442 rows in their original units.

    scikit-learn also offers the columns scaled by statistics of all rows, test rows included;
    these are not used.
    """
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return Samples(features=bunch.data.astype(np.float32), targets=bunch.target.astype(np.float32))
