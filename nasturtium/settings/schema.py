"""The shipped schema and ``config/config.yaml``: the stages and the default of each key."""

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from nasturtium.errors import ConfigError

_ROOT = Path(__file__).parents[2]


@cache
def load_schema() -> dict[str, Any]:
    """``workflow/schemas/config.schema.yaml``; not to be changed."""
    return yaml.safe_load(
        (_ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8")
    )


@cache
def load_defaults() -> dict[str, Any]:
    """``config/config.yaml``, the one place of every default; not to be changed."""
    return _read("config/config.yaml")


def _read(path: str) -> dict[str, Any]:
    return yaml.safe_load((_ROOT / path).read_text(encoding="utf-8"))


def resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """``schema`` with its ``$ref`` resolved."""
    reference = schema.get("$ref", "")
    return {**definitions.get(reference.rpartition("/")[2], {}), **schema}


@cache
def stages_of_keys() -> dict[str, dict[str, frozenset[str]]]:
    """Which stages each key changes, by section: the notes ``stages`` of the schema.

    A note is beside the key, or beside the section if it applies to all of its keys.

    Raises
    ------
    ConfigError
        A key has no note. Without one, its change would rerun nothing, or everything.
    """
    schema = load_schema()
    definitions, found = schema["$defs"], {}
    for section, part in schema["properties"].items():
        part = resolved(part, definitions)
        keys = part.get("properties", {})
        if section == "per_dataset" or not keys:
            continue
        for key, note in keys.items():
            stages = note.get("stages", part.get("stages"))
            if stages is None:
                raise ConfigError(
                    f"workflow/schemas/config.schema.yaml: key '{section}.{key}' does not say "
                    "which stages it changes; add 'stages: [...]' to it, empty for no stage."
                )
            found.setdefault(section, {})[key] = frozenset(stages)
    return found


def fill_defaults(
    value: dict[str, Any],
    schema: Mapping[str, Any],
    definitions: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> None:
    """Fill in keys of ``schema`` that ``value`` leaves out from ``defaults``."""
    for key, part in schema.get("properties", {}).items():
        if key == "per_dataset":
            value.setdefault(key, {})
            continue  # missing keys there come from the common sections, not from defaults
        if key in defaults:
            value.setdefault(key, copy.deepcopy(defaults[key]))
        if isinstance(value.get(key), dict) and isinstance(defaults.get(key), dict):
            fill_defaults(value[key], resolved(part, definitions), definitions, defaults[key])
