"""Checks of entries under ``own_datasets`` beyond their JSON schema; light to import."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from nasturtium.data.catalog import LITERATURE, NAMES
from nasturtium.errors import ConfigError

_COMMON = {
    *(
        "format",
        "kind",
        "path",
        "test_path",
        "task",
        "target_unit",
        "licence",
        "reference",
        "split",
    ),
}
_TABLE = {"target", "features", "categorical", "missing", "classes", "input_shape", "input_scale"}
_WRITTEN = {"separator", "encoding", "decimal", "thousands", "missing_values", "date_format"}
# The keys that each format supports.
_KEYS = {
    "npz": {
        *("features", "target", "test_features", "test_target"),
        *("classes", "input_shape", "input_scale", "missing"),
    },
    "idx": {"target_path", "test_target_path", "classes", "input_scale"},
    "csv": _TABLE | _WRITTEN,
    "parquet": _TABLE,
    "folder-of-images": {"input_shape"},
    "ts": {"steps", "missing"},
}
# The same for sequences in formats that can hold other samples too.
_LONG_TABLE = {"target", "features", "id", "time", "steps", "missing"}
_SEQUENCE_KEYS = {
    "npz": _KEYS["npz"] - {"input_shape", "input_scale"},
    "csv": _LONG_TABLE | _WRITTEN,
    "parquet": _LONG_TABLE,
    "ts": _KEYS["ts"],
}
_TEXT = {"text", "target", "threshold", "tokens", "ngram", "length", "vocabulary"}
_TEXT_KEYS = {"csv": _TEXT | _WRITTEN, "parquet": _TEXT}
# For each kind: the keys of each format, and the keys that a table needs.
_OF_KIND = {
    None: (_KEYS, None),
    "sequence": (_SEQUENCE_KEYS, ("target", "id", "time")),
    "text": (_TEXT_KEYS, ("target", "text")),
}
_NEEDED = {
    "npz": (),
    "idx": ("target_path",),
    "csv": ("target",),
    "parquet": ("target",),
    "folder-of-images": ("input_shape",),
    "ts": (),
}


def check(name: str, own: Mapping) -> None:
    """Raise ConfigError with one sentence unless the keys of ``own`` fit each other."""
    kind, where = own["format"], f"Configuration key 'own_datasets.{name}"
    if name in NAMES:
        raise ConfigError(f"{where}' has the name of a built-in data set; choose another.")
    content = own.get("kind")
    keys, needed_of_table = _OF_KIND[content]
    known = keys.get(kind)
    if known is None:
        raise ConfigError(f"{where}.format' {kind} holds no {content}s; choose {', '.join(keys)}.")
    for key in sorted(set(own) - _COMMON - known):
        of_kind = f" of kind {content}" if content else ""
        raise ConfigError(
            f"{where}.{key}' means nothing for format {kind}{of_kind}; remove it. See "
            "config/README.md."
        )
    is_table = kind in ("csv", "parquet")
    needed = [*(needed_of_table if needed_of_table and is_table else _NEEDED[kind])]
    if kind == "idx" and "test_path" in own:
        needed.append("test_target_path")
    for key in needed:
        if key not in own:
            raise ConfigError(
                f"{where}' lacks the key '{key}', which format {kind} needs; add it. See "
                "config/README.md."
            )
    for path in source_files(own):
        if "{" in path or "}" in path:
            raise ConfigError(
                f"{where}' names the file '{path}', but Snakemake takes text in braces for a "
                "wildcard; rename the file."
            )
    if kind == "folder-of-images" and own["task"] != "classification":
        raise ConfigError(
            f"{where}.task' must be classification: each folder of images is a class."
        )
    if kind not in ("csv", "parquet") and {"group", "time"} & set(own.get("split", {})):
        raise ConfigError(
            f"{where}.split' names a column, but format {kind} has none; leave out group and time."
        )
    if own["task"] == "regression" and "classes" in own:
        raise ConfigError(f"{where}.classes' means nothing for a regression; remove it.")
    if kind in ("csv", "parquet"):
        _check_columns(own, where)
    _check_reference(own, where)


def source_files(own: Mapping | None) -> list[str]:
    """Paths of the described files; empty for a folder of images."""
    if own is None or own["format"] == "folder-of-images":
        return []
    keys = ("path", "target_path", "test_path", "test_target_path")
    return [own[key] for key in keys if key in own]


def check_files(name: str, own: Mapping) -> None:
    """Raise ConfigError for the first described file or folder that does not exist."""
    folders = own["format"] == "folder-of-images"
    for key in ("path", "target_path", "test_path", "test_target_path"):
        if key in own and not (os.path.isdir if folders else os.path.isfile)(own[key]):
            kind = "folder" if folders else "file"
            raise ConfigError(
                f"Configuration key 'own_datasets.{name}.{key}': there is no {kind} "
                f"'{own[key]}' (from {os.getcwd()}); put it there or correct the path."
            )


def folder_content(own: Mapping | None) -> str | None:
    """Digest of the names, sizes and times of a folder's images; None for other formats."""
    if own is None or own["format"] != "folder-of-images":
        return None
    digest = hashlib.sha256()
    for key in ("path", "test_path"):
        for path in sorted(Path(own[key]).rglob("*")) if key in own else ():
            if path.is_file():
                stat = path.stat()
                digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _check_columns(own: Mapping, where: str) -> None:
    if "decimal" in own and own["decimal"] == own.get("thousands"):
        raise ConfigError(
            f"{where}.thousands' is also the decimal sign; set 'decimal' or 'thousands' to another "
            "sign."
        )
    if len(own.get("input_shape", ())) == 2:
        raise ConfigError(
            f"{where}.input_shape' must be [columns], or [height, width, channels] of pictures; "
            "for sequences with a row a step set 'kind: sequence' instead."
        )
    features = own.get("features", [])
    if isinstance(features, str):
        raise ConfigError(f"{where}.features' must be a list of columns, not {features!r}.")
    for column in (*features, *own.get("categorical", [])):
        for key in ("target", "id", "time", "text"):
            if column == own.get(key):
                raise ConfigError(
                    f"{where}' has the {key} '{column}' among its features; remove it there."
                )
    _check_split_columns(own, where)
    for column in own.get("categorical", []):
        if features and column not in features:
            raise ConfigError(
                f"{where}.categorical' names '{column}', which is not among its features; add it."
            )


def _check_split_columns(own: Mapping, where: str) -> None:
    named = {key: own["split"][key] for key in ("group", "time") if key in own.get("split", {})}
    if len(named) > 1:
        raise ConfigError(f"{where}.split' has both 'group' and 'time'; remove one.")
    used = [own["target"], *own.get("features", []), *own.get("categorical", [])]
    for key, column in named.items():
        if column in used or own.get("kind") == "sequence":
            raise ConfigError(
                f"{where}.split.{key}' names '{column}', which is the target, a feature, or part "
                "of a sequence; name another column of a table."
            )


def _check_reference(own: Mapping, where: str) -> None:
    reference = own["reference"]
    check_reference_name(reference, f"{where}.reference'")
    shape = own.get("input_shape")
    is_sequence = own.get("kind") == "sequence" or own["format"] == "ts"
    if "cnn1d" in reference and not is_sequence:
        raise ConfigError(
            f"{where}.reference' is a cnn1d, which is for sequences; set kind: sequence, or choose "
            "another net."
        )
    if (own.get("kind") == "text") != ("textcnn" in reference):
        raise ConfigError(
            f"{where}.reference' must be a textcnn for texts, and only for texts; change it, or "
            "set or remove kind: text."
        )
    if is_sequence and "cnn" in reference:
        raise ConfigError(f"{where}.reference' is a cnn, which is for images; choose a cnn1d.")
    is_table = own["format"] in ("csv", "parquet") and shape is None
    kind = next((k for k in ("cnn", "residual") if k in reference), None)
    if isinstance(reference, Mapping) and kind and is_table:
        raise ConfigError(
            f"{where}.reference' is a {kind}, but columns are no images; choose an mlp, or set "
            "input_shape."
        )
    if isinstance(reference, str) or "cnn" not in reference:
        return
    halvings = len(reference["cnn"]["filters"])
    if shape is not None and (len(shape) != 3 or min(shape[:2]) < 2**halvings):
        raise ConfigError(
            f"{where}.reference.cnn.filters' halves the image {halvings} times, which is too often "
            f"for input_shape {list(shape)}; give it fewer filters."
        )


def check_reference_name(reference: str | Mapping | None, where: str) -> None:
    """Refuse an unknown name of a reference net; ``where`` is its key and ends with a quote.

    Raises
    ------
    ConfigError
        There is no net with this name.
    """
    if isinstance(reference, str) and reference not in (*NAMES, *LITERATURE):
        raise ConfigError(
            f"{where} must be one of {', '.join((*NAMES, *LITERATURE))}, or mlp, cnn or residual "
            f"with sizes, not {reference!r}."
        )
