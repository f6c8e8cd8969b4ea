"""Stage ``data``: source files to the prepared form."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import notices, prepared, readers


def run(dataset: str, folder: str | Path, own: Mapping | None = None) -> None:
    """Write ``features.npy``, ``targets.npy`` and ``dataset.json`` of ``dataset`` to ``folder``.

    ``own`` is the entry of ``own_datasets`` that describes it, or None for a built-in data set.
    Warnings are also written on the card.
    """
    with notices.collected() as warnings:
        prepared.write(folder, *readers.read_described(dataset, own), warnings)
