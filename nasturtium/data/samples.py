"""What every reader returns."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Samples:
    """A whole data set in memory, as read from its source files.

    Attributes
    ----------
    features
        Array of shape (samples, \\*input_shape) in the source's own dtype.
    targets
        Array of shape (samples,): int64 labels from 0, or float32 values in the target's unit.
    test_from
        Index of the first sample of the published test split, or None where there is none.
    sources
        SHA-256 by file name of what was read.
    """

    features: np.ndarray
    targets: np.ndarray
    test_from: int | None = None
    sources: dict[str, str] = field(default_factory=dict)
