"""The samples of a data set, as every reader returns them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Blocks:
    """An array too large for memory, in blocks along its first axis.

    Attributes
    ----------
    shape, dtype
        Shape and dtype of the whole array.
    make
        Returns a new iterable over all blocks in order. Iterating may raise DataError.
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
    """All samples of a data set, read from its source files.

    Attributes
    ----------
    features
        Array of shape (samples, \\*input_shape) in the source's own dtype, or its blocks.
    targets
        Array of shape (samples,): int64 labels from 0, or float32 values in the target's unit.
    test_from
        Index of the first sample of the published test split; None if there is none.
    sources
        SHA-256 of each source file, by its name.
    tokens
        All tokens of a data set of texts. ``features`` holds their places in it, from 2 on.
    columns
        For a table's card: the content of each column, and how it is used.
    split_by
        ``group`` or ``time`` if the splits follow such a column; None if samples are drawn freely.
    order
        Number of the group, or rank of the time, of each sample; int64 of shape (samples,).
    """

    features: np.ndarray | Blocks
    targets: np.ndarray
    test_from: int | None = None
    sources: dict[str, str] = field(default_factory=dict)
    tokens: tuple[str, ...] | None = None
    columns: tuple[dict, ...] = ()
    split_by: str | None = None
    order: np.ndarray | None = None
