"""Mistakes that can be found before anything runs, although no single key is wrong."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nasturtium.errors import ConfigError

_RATIO = re.compile(r"(?P<method>[a-z_]+)-(?P<ratio>\d*\.?\d+)")


def check_pruning_shares(pruning: Mapping[str, Any], dataset: str) -> None:
    """Refuse a warm-up and a recovery that leave no time for pruning.

    Raises
    ------
    ConfigError
        With a recovery of at least one epoch, they take up the whole retraining.
    """
    prefix = f"per_dataset.{dataset}." if dataset else ""
    # Of whole epochs, as nasturtium.pruning.schedule has it.
    epochs = pruning["epochs"]
    recovery = max(1, round(pruning["recovery"] * epochs)) / epochs
    if pruning["warm_up"] + recovery >= 1:
        raise ConfigError(
            f"Configuration keys '{prefix}pruning.warm_up' ({pruning['warm_up']:g}) and 'recovery' "
            f"({recovery:g} of {pruning['epochs']} epochs) leave no time for pruning; make their "
            "sum less than 1. See config/README.md."
        )


def unlisted(config: Mapping[str, Any]) -> str | None:
    """A sentence about described data sets that the study does not use; None if it uses all."""
    names = [name for name in config["own_datasets"] if name not in config["datasets"]]
    if not names:
        return None
    return (
        f"Data set '{names[0]}' is described under 'own_datasets', but 'datasets' does not list "
        "it, so nothing runs for it; add it to 'datasets', or remove it."
    )


def check_targets(targets: Sequence[str], patterns: Mapping[str, str]) -> None:
    """Check the files of runs that are requested by name.

    Parameters
    ----------
    targets
        As given on the command line.
    patterns
        Regular expressions of the wildcards, by name.

    Raises
    ------
    ConfigError
        The data set, seed or run in a path does not exist; Snakemake itself says only that no rule
        makes the file.
    """
    for target in targets:
        parts = str(target).split("/")
        if len(parts) < 5 or parts[0] != "results" or not parts[2].startswith("seed"):
            continue
        dataset, seed, *run, _ = parts[1:]
        known = patterns["dataset"].split("|")
        if dataset not in known:
            raise ConfigError(f"{target}: {_hint('data set', dataset, known)}")
        if not re.fullmatch(patterns["seed"], seed.removeprefix("seed")):
            raise ConfigError(f"{target}: '{seed}' is no seed; write seed and a number: seed0.")
        named = _RATIO.fullmatch(run[-1])
        # The number of a trial has the same position: retrained/nas-0003.
        is_run = re.fullmatch(patterns["run"], "/".join(run))
        if named is None or is_run or re.fullmatch(patterns["ratio"], named["ratio"]):
            continue
        ratio = float(named["ratio"])
        if not 0 < ratio < 1 or round(ratio, 2) != ratio:
            raise ConfigError(
                f"{target}: {named['ratio']} is no ratio; choose one between 0 and 1 in steps of "
                "0.01."
            )
        raise ConfigError(
            f"{target}: ratios in file names have two decimals; write {named['method']}-"
            f"{ratio:.2f}."
        )


def _hint(what: str, value: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(value, known, n=1)
    remedy = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}."
    return f"there is no {what} '{value}'; {remedy}"
