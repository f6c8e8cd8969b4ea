"""Stage ``split``: which samples are for training, validation and test, for one seed."""

import json
from collections.abc import Mapping
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import split_card, write_split
from nasturtium.records.atomic import atomic_path


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
    write_split(output, data, settings, seed)
    sizes = split_card(output, data)
    with atomic_path(card) as temporary:
        temporary.write_text(json.dumps({"seed": seed, **sizes}, indent=2) + "\n")
