"""The report's page on the data: what was read, how it was prepared, and warnings."""

from collections.abc import Mapping, Sequence

from nasturtium.report.html import Cell, figure, items, paragraph, section, table

_SPLITS = ("train", "validation", "test")
_COLUMN_HEADER = ("column", "kind", "missing", "distinct", "lowest", "highest", "what became of it")


def data_sets(cards: Mapping[str, Mapping], splits: Mapping[str, Sequence[Mapping]]) -> str:
    """Every data set's card, and the sizes of its splits.

    Parameters
    ----------
    cards
        ``dataset.json`` by data set.
    splits
        ``seed{seed}.split.json`` of each of its seeds.
    """
    parts = [
        paragraph(
            "What was read of each data set, what became of it, and what was warned of. Samples "
            "are counted by split, and by class where there are classes."
        ),
        *(section(name, _data_set(card, splits.get(name, ()))) for name, card in cards.items()),
    ]
    return "\n".join(parts)


def _data_set(card: Mapping, splits: Sequence[Mapping]) -> str:
    shape = " x ".join(map(str, card["description"]["input_shape"]))
    parts = [paragraph(f"{card['samples']:,} samples of {shape}.")]
    warnings = [*card.get("warnings", [])]
    for split in splits:
        warnings += [f"Seed {split['seed']}: {said}" for said in split.get("warnings", [])]
    if warnings:
        parts += [paragraph("Warnings:"), items(warnings)]
    parts.append(_sizes(card["description"], splits))
    if card.get("columns"):
        parts.append(table(_COLUMN_HEADER, [_column(column) for column in card["columns"]]))
    return "\n".join(parts)


def _sizes(description: Mapping, splits: Sequence[Mapping]) -> str:
    classes = description["classes"] or 0
    names = description["class_names"] or [str(label) for label in range(classes)]
    lines = []
    for split in splits:
        lines.append(_line(split["seed"], "all", [split[name]["samples"] for name in _SPLITS]))
        for label, name in enumerate(names[:classes]):
            counts = [split[part]["label_counts"][label] for part in _SPLITS]
            lines.append(_line(split["seed"], name, counts))
    return table(("seed", "class", *_SPLITS), lines)


def _line(seed: int, name: str, counts: Sequence[int]) -> list[Cell | str]:
    return [figure(seed, "d"), name, *(figure(count, ",d") for count in counts)]


def _column(column: Mapping) -> list[Cell | str]:
    return [
        column["name"],
        column["kind"],
        figure(column["missing"], ",d"),
        figure(column["distinct"], ",d"),
        *(_bound(column[end]) for end in ("lowest", "highest")),
        column["became"],
    ]


def _bound(value: float | str | None) -> Cell | str:
    return value if isinstance(value, str) else figure(value, ".6g")
