"""Texts in a column of a CSV or Parquet file: each row is a sample."""

import logging
from collections.abc import Mapping

import numpy as np

from nasturtium.data import text
from nasturtium.data.catalog import Description
from nasturtium.data.own import checks, classes, tables, test_files
from nasturtium.data.samples import Samples
from nasturtium.errors import DataError

logger = logging.getLogger(__name__)

# There is a warning if more than this share of the texts is affected.
_MUCH = 0.5
_DEFAULTS = {"tokens": "words", "ngram": 3, "length": 50, "vocabulary": 5000}


def read(name: str, own: Mapping) -> tuple[Description, Samples]:
    """The texts of one table, or of two if ``test_path`` names the table of the test split.

    Features are the first ``length`` tokens of each text, numbered over the whole data set. The
    train split decides later which of these tokens a net knows.

    Raises
    ------
    DataError
        Not such a table, or a text or target is missing.
    """
    settings = {key: own.get(key, value) for key, value in _DEFAULTS.items()}
    paths = [own[key] for key in ("path", "test_path") if key in own]
    parts = [_rows(path, own) for path in paths]
    texts = [row for rows, _ in parts for row in rows]
    found: dict[str, None] = {}
    lengths = []
    for row in texts:
        tokens = text.tokens_of(row, settings)
        found.update(dict.fromkeys(tokens))
        lengths.append(len(tokens))
    _say_lengths(np.array(lengths), settings, paths[0])
    features = text.encoded(texts, settings, text.numbers_of([*found]), len(texts))
    wheres = [f"{path}: column '{own['target']}'" for path in paths]
    targets, names = _targets([values for _, values in parts], own, wheres, paths)
    settings["vocabulary"] = min(settings["vocabulary"], len(found))
    described = checks.description(
        name, own, (settings["length"],), targets, class_names=names, text=settings
    )
    return described, Samples(
        features=features,
        targets=targets,
        test_from=len(parts[0][0]) if len(paths) > 1 else None,
        sources=test_files.checksums(paths, paths),
        tokens=tuple(found),
    )


def _say_lengths(lengths: np.ndarray, settings: Mapping, path: str) -> None:
    """Warn if most texts are cut, or if most have only one token."""
    cut = np.mean(lengths > settings["length"])
    if cut > _MUCH:
        logger.warning(
            "%s: %d of 100 texts have more than %d tokens, so their ends are not read; increase "
            "'length' (the longest text has %d tokens).",
            path,
            round(100 * cut),
            settings["length"],
            lengths.max(),
        )
    if np.mean(lengths == 1) > _MUCH and settings["tokens"] != "characters":
        logger.warning(
            "%s: %d of 100 texts have only one token; if their language has no blanks, set "
            "'tokens: characters', and if they are names, use a table with 'categorical'.",
            path,
            round(100 * np.mean(lengths == 1)),
        )


def _rows(path: str, own: Mapping) -> tuple[list[str], list]:
    """Texts and targets of one file, without rows whose target equals the threshold."""
    as_text = own["task"] == "classification" and "threshold" not in own
    columns, _ = tables.read_columns(
        path,
        {**own, "features": [own["text"]], "categorical": []},
        [own["text"], own["target"]] if as_text else [own["text"]],
    )
    texts, targets = columns[own["text"]].to_pylist(), columns[own["target"]].to_pylist()
    first_row = 2 if own["format"] == "csv" else 1
    for column, values in ((own["text"], texts), (own["target"], targets)):
        if None in values:
            raise DataError(
                f"{path}: column '{column}': row {values.index(None) + first_row} is empty; "
                "correct or remove the row."
            )
    if not texts:
        raise DataError(f"{path}: has no rows; add samples.")
    if "threshold" in own:
        kept = [i for i, value in enumerate(targets) if value != own["threshold"]]
        if len(kept) < len(targets):
            logger.warning(
                "%s: %d of %d rows are left out, since their '%s' is exactly the threshold %g; to "
                "keep them, change 'threshold'.",
                path,
                len(targets) - len(kept),
                len(targets),
                own["target"],
                own["threshold"],
            )
        texts, targets = [texts[i] for i in kept], [targets[i] for i in kept]
    return texts, targets


def _targets(values: list[list], own: Mapping, wheres: list[str], paths: list[str]):
    if own["task"] == "regression":
        found = [checks.targets(np.array(v), w) for v, w in zip(values, wheres, strict=True)]
        return np.concatenate(found), None
    if "threshold" in own:
        above = np.concatenate([np.array(part) > own["threshold"] for part in values])
        at = f"{own['threshold']:g}"
        return above.astype(np.int64), (f"below {at}", f"above {at}")
    return classes.numbered(values, wheres, paths)
