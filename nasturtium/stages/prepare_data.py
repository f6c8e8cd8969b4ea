"""Stage ``data``: source files to the prepared form."""

from pathlib import Path

from nasturtium.data import prepared, readers
from nasturtium.data.catalog import describe


def run(dataset: str, folder: str | Path) -> None:
    """Write ``features.npy``, ``targets.npy`` and ``dataset.json`` of ``dataset`` to ``folder``."""
    prepared.write(folder, describe(dataset), readers.read(dataset))
