"""The scaling before and after a quantised net: one multiplication and one addition."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaling:
    """``scaled = raw * scale + offset``; lists have one value per column, or one for all.

    ``asdict`` returns plain numbers, ready for JSON.
    """

    scale: float | list[float] = 1.0
    offset: float | list[float] = 0.0

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """``values`` of shape (samples, ...) scaled, in float32."""
        scaled = np.asarray(values, np.float64) * np.asarray(self.scale) + np.asarray(self.offset)
        return scaled.astype(np.float32)
