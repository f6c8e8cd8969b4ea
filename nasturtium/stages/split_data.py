"""Stage ``split``: which samples are for training, validation and test, for one seed."""

from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import notices, prepared
from nasturtium.data.splits import split_card, write_split
from nasturtium.records.checksums import write_json


def run(
    seed: int,
    data_folder: str | Path,
    output: str | Path,
    card: str | Path,
    settings: Mapping,
) -> None:
    """Write the indices of the three splits to ``output`` and their sizes to ``card``, JSON.

    ``settings`` is section ``split``.
    """
    data = prepared.read(data_folder)
    with notices.collected() as warnings:
        write_split(output, data, settings, seed)
    sizes = split_card(output, data)
    write_json(card, {"seed": seed, **sizes, "warnings": warnings})
