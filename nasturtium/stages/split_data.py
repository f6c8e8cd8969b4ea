"""Stage ``split``: which samples are for training, validation and test, for one seed."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import write_split


def run(seed: int, data_folder: str | Path, output: str | Path, settings: Mapping) -> None:
    """Write the indices of the three splits to ``output``; ``settings`` is section ``split``."""
    write_split(output, prepared.read(data_folder), settings, seed)
