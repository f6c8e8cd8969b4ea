"""Whether a configuration file can be read, before Snakemake reads it; one sentence if not.

    python -m nasturtium.settings.check mine.yaml

It needs little memory: the values are counted before any is made, since YAML aliases can multiply a
few lines without limit.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from nasturtium.errors import ConfigError

# Far more than a configuration needs. These limits keep a check below two seconds and 100 MB.
_MOST_BYTES, _MOST_VALUES, _MOST_LEVELS = 2**20, 100_000, 50
_KNOWN_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp")
}


def check_file(path: str | Path) -> None:
    """Check a configuration file, JSON or YAML.

    Raises
    ------
    ConfigError
        It is missing, can't be read, repeats a key, or has too many values; one sentence with the
        file, the line and the remedy.
    """
    text = _text(path)
    try:
        found = _from_json(text, path)
    except RecursionError:
        raise ConfigError(_too_deep(path)) from None
    except ValueError:
        found = _from_yaml(text, path)
    if not isinstance(found, Mapping):
        what = "is empty" if found is None else f"contains a {type(found).__name__}"
        raise ConfigError(f"{path}: {what}; write keys, such as 'datasets: [digits]'.")


def _text(path: str | Path) -> str:
    if not os.path.exists(path):
        raise ConfigError(
            f"{path}: there is no such file (from {os.getcwd()}); correct the path of the "
            "configuration, or write one as in config/README.md."
        )
    if not os.path.isfile(path):
        raise ConfigError(f"{path}: is no file; give the path of a configuration file.")
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read ({error.strerror}); make it readable, or give another file."
        ) from error
    if len(content) > _MOST_BYTES:
        raise ConfigError(
            f"{path}: has more than {_MOST_BYTES:,} bytes, which is too much for a configuration; "
            "give another file."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8; save it as text in UTF-8.") from None


def _from_json(text: str, path: str | Path) -> Any:
    """ValueError where it is none."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise ConfigError(_twice(f"{path}", name))
            found[name] = value
        return found

    return json.loads(text, object_pairs_hook=unique)


def _from_yaml(text: str, path: str | Path) -> Any:
    try:
        _count_values(yaml.parse(text, Loader=yaml.SafeLoader), path)
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}: line {mark.line + 1}" if mark else f"{path}"
        said = " ".join(filter(None, (error.context, error.problem)))
        tab = "'\\t'" in said
        remedy = "write blanks instead of tabs" if tab else "check indentation, brackets and quotes"
        raise ConfigError(f"{where}: is no YAML ({said[:120]}); {remedy}.") from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())[:120]
        raise ConfigError(f"{path}: is no YAML ({said}); write plain text.") from None
    except (ValueError, OverflowError) as error:
        # Such as a date with month 13, or an integer with 5,000 digits.
        raise ConfigError(
            f"{path}: has a value that can't be read ({error}); correct it, or put it in quotes."
        ) from None


def _count_values(events: Iterator[yaml.Event], path: str | Path) -> None:
    """Refuse a file with too many values. It is read event by event, without making values.

    Raises
    ------
    ConfigError
        Too many values or levels, a duplicate key, an alias inside the section it repeats, or a tag
        for an object of a program.
    """
    anchored: dict[str, int | None] = {}
    # Of each open section: its anchor, its values so far, and its keys, or None for a list.
    open_: list[tuple[str | None, list[int], set[str] | None]] = [(None, [0], None)]
    parts = [0]
    for event in events:
        where = f"{path}: line {event.start_mark.line + 1}" if event.start_mark else f"{path}"
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, (values,), _ = open_.pop()
            parts.pop()
            _add(open_, values, where)
            if anchor:
                anchored[anchor] = values
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        keys = open_[-1][2]
        if keys is not None and parts[-1] % 2 == 0 and isinstance(event, yaml.ScalarEvent):
            if event.value in keys and event.value != "<<":
                raise ConfigError(_twice(where, event.value))
            keys.add(event.value)
        parts[-1] += 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in anchored and anchored[event.anchor] is None:
                raise ConfigError(
                    f"{where}: the alias *{event.anchor} is part of the section that it repeats; "
                    "write out the values."
                )
            # One without an anchor is reported when values are made.
            _add(open_, anchored.get(event.anchor) or 1, where)
            continue
        if event.tag and event.tag not in _KNOWN_TAGS and event.tag != "!":
            raise ConfigError(
                f"{where}: has the tag {ascii(event.tag)[1:-1][:60]}, which means nothing here; "
                "remove it."
            )
        if isinstance(event, yaml.ScalarEvent):
            _add(open_, 1, where)
            if event.anchor:
                anchored[event.anchor] = 1
            continue
        if event.anchor:
            anchored[event.anchor] = None
        if len(open_) > _MOST_LEVELS:
            raise ConfigError(_too_deep(where))
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        open_.append((event.anchor, [1], set() if is_mapping else None))
        parts.append(0)


def _add(open_: list, values: int, where: str) -> None:
    open_[-1][1][0] += values
    if sum(part[1][0] for part in open_) > _MOST_VALUES:
        raise ConfigError(
            f"{where}: the file expands to more than {_MOST_VALUES:,} values, most likely through "
            "aliases (*) that repeat each other; write out the values."
        )


def _too_deep(where: str | Path) -> str:
    return f"{where}: has more than {_MOST_LEVELS} levels of sections or lists; use fewer levels."


def _twice(where: str, key: str) -> str:
    return f"{where}: has the key '{ascii(key)[1:-1][:60]}' twice, so one would be lost; remove it."


def main() -> int:
    """Check the named files; returns 1 if one can't be read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    for path in parser.parse_args().files:
        try:
            check_file(path)
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
