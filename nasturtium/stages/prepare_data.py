"""Stage ``data``: source files to the prepared form."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import notices, prepared, readers


def run(dataset: str, folder: str | Path, own: Mapping | None = None) -> None:
    """Write ``features.npy``, ``targets.npy`` and ``dataset.json`` of ``dataset`` to ``folder``.

    ``own`` is the entry of ``own_datasets`` that describes it, or None for a built-in data set.
    What is warned of on the way stands on the card too.
    """
    with notices.collected() as warnings:
        prepared.write(folder, *readers.read_described(dataset, own), warnings)
