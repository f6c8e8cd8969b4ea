"""Two studies in one folder: the second does not silently replace results of the first."""

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasturtium.errors import ConfigError, StorageError
from nasturtium.records.checksums import read_json, write_json
from nasturtium.settings.configuration import for_stage, own_description
from nasturtium.settings.schema import stages_of_keys

# In the results: which files configured them, and a digest of each data set's settings.
NOTE = "study.json"
# `make try`, whose runs need not be kept: they do not stop a later study.
_FIRST_LOOK = ("config", "try.yaml")


def note(config: Mapping[str, Any], files: Sequence[str]) -> dict[str, Any]:
    """What distinguishes this study from another in the same folder.

    Parameters
    ----------
    files
        The configuration files that were given, besides the shipped one.
    """
    return {
        "files": sorted(str(Path(path).resolve()) for path in files),
        "settings": {name: _digest(config, name) for name in config["datasets"]},
    }


def check(config: Mapping[str, Any], files: Sequence[str], results: str | Path) -> str | None:
    """Compare the study with the one whose results are there.

    An edited file is the same study: Snakemake runs again what the change affects.

    Returns a sentence if runs are kept but the summary and the report become this study's.

    Raises
    ------
    ConfigError
        Another configuration file made results there that this one would overwrite.
    """
    path = Path(results) / NOTE
    if not path.exists():
        return None
    before, now = read_json(path), note(config, files)
    if before["files"] == now["files"]:
        return None
    is_first_look = [Path(path).parts[-2:] for path in before["files"]] == [_FIRST_LOOK]
    made_by = ", ".join(map(_short, before["files"])) or "the shipped configuration"
    for name, digest in now["settings"].items():
        if before["settings"].get(name, digest) != digest and (Path(results) / name).exists():
            if is_first_look:
                return f"{results}/{name}: this study runs the runs of the first look again."
            raise ConfigError(
                f"{results}/{name}: has runs of another study with other settings, made with "
                f"{made_by}; run this study in a folder of its own with --directory, or remove "
                f"{path} to overwrite those runs."
            )
    if not (Path(results) / "summary.parquet").exists():
        return None
    return (
        f"{results}: this study replaces the summary and the report of {made_by}; the runs of "
        f"{made_by} stay."
    )


def remember(config: Mapping[str, Any], files: Sequence[str], results: str | Path) -> None:
    """Record which study's results are there, and keep the data sets of earlier studies."""
    path, now = Path(results) / NOTE, note(config, files)
    before = read_json(path)["settings"] if path.exists() else {}
    # If nothing can be written, the first job that tries says why.
    with contextlib.suppress(OSError, StorageError):
        write_json(path, {**now, "settings": {**before, **now["settings"]}})


def _digest(config: Mapping[str, Any], dataset: str) -> str:
    stages = {stage for keys in stages_of_keys().values() for of in keys.values() for stage in of}
    settings = {stage: for_stage(config, stage, dataset) for stage in sorted(stages)}
    whole = json.dumps([settings, own_description(config, dataset)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _short(path: str) -> str:
    return Path(path).name
