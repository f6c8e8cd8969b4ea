"""What every reader returns."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Blocks:
    """An array too large for memory, in blocks along its first axis.

    Attributes
    ----------
    shape, dtype
        Of the whole array.
    make
        Starts over and gives the blocks in order; it may raise DataError on the way.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    make: Callable[[], Iterable[np.ndarray]]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.make())


@dataclass(frozen=True)
class Samples:
    """A whole data set, as read from its source files.

    Attributes
    ----------
    features
        Array of shape (samples, \\*input_shape) in the source's own dtype, or its blocks.
    targets
        Array of shape (samples,): int64 labels from 0, or float32 values in the target's unit.
    test_from
        Index of the first sample of the published test split, or None where there is none.
    sources
        SHA-256 by file name of what was read.
    tokens
        Of texts, all tokens of the data set; ``features`` has their places in it, from 2 on.
    columns
        Of a table what each column holds and what became of it, for its card.
    split_by
        ``group`` or ``time`` where splits keep to one; None where they are drawn by sample.
    order
        Number of its group, or rank of its time, by sample; int64 of shape (samples,).
    """

    features: np.ndarray | Blocks
    targets: np.ndarray
    test_from: int | None = None
    sources: dict[str, str] = field(default_factory=dict)
    tokens: tuple[str, ...] | None = None
    columns: tuple[dict, ...] = ()
    split_by: str | None = None
    order: np.ndarray | None = None
