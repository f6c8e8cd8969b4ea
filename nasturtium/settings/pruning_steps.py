"""Trainings too short to prune in, found before the first job."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from nasturtium.data.own.sizes import most_samples
from nasturtium.errors import ConfigError, PruningError
from nasturtium.pruning.schedule import CubicSchedule
from nasturtium.settings.configuration import for_dataset
from nasturtium.settings.rungs import pruning_rungs

# Samples at most of the data sets that are built in, without a test split that is published.
_BUILT_IN = {
    "digits": 1_797,
    "diabetes": 442,
    "mnist": 60_000,
    "cifar10": 50_000,
    "cifar10_train": 40_000,
    "sat6": 324_000,
    "california_housing": 20_640,
}
_PUBLISHED = ("mnist", "cifar10", "cifar10_train", "sat6")


def check(config: Mapping[str, Any]) -> None:
    """Hold each data set's trainings with pruning against the most steps that they can have.

    Of a described data set, the rows of its file bound the samples. A training is refused where no
    number of samples up to that bound makes it long enough.

    Raises
    ------
    ConfigError
        One is too short for a schedule of pruning.
    """
    for dataset in config["datasets"]:
        given = for_dataset(config, dataset)
        most = _most_training_samples(config["own_datasets"].get(dataset), dataset, given["split"])
        if not most:
            continue
        batch_size, pruning, search = (
            given["training"]["batch_size"],
            given["pruning"],
            given["search"],
        )
        steps = math.ceil(most / batch_size)
        shares = (0.5, pruning["warm_up"], pruning["recovery"])

        def pruned(steps: int, epochs: int = pruning["epochs"], shares: tuple = shares) -> None:
            CubicSchedule.of_epochs(epochs, steps, *shares)

        def searched(steps: int, search: Mapping = search, shares: tuple = shares) -> None:
            rungs = [0, *pruning_rungs(search["epochs"], search["rungs"], steps)]
            CubicSchedule.of_epochs(rungs[-1] - rungs[-2], steps, *shares)

        if pruning["methods"] and pruning["ratios"]:
            _check(pruned, steps, dataset, most, "pruning.epochs", pruning["epochs"], batch_size)
        # A trial of ratio 0 is not pruned, so that such a search has an answer.
        if 0 not in search["pruning_ratios"]:
            _check(searched, steps, dataset, most, "search.epochs", search["epochs"], batch_size)


def _most_training_samples(own: Mapping | None, dataset: str, split: Mapping) -> int | None:
    if own is None:
        most, is_published = _BUILT_IN[dataset], dataset in _PUBLISHED
    else:
        most = most_samples(own)
        is_published = "test_path" in own or "test_features" in own
    if most is None or is_published or "group" in split:
        return most
    # Validation is not taken off: a class of one sample stays with the train split.
    return most - math.floor(most * split["test"])


def _check(
    fits: Callable[[int], None],
    most_steps: int,
    dataset: str,
    samples: int,
    key: str,
    epochs: int,
    batch_size: int,
) -> None:
    """ConfigError unless ``fits`` raises nothing for some number of steps an epoch."""
    for steps in range(most_steps, 0, -1):
        try:
            fits(steps)
        except PruningError as error:
            last = error
        else:
            return
    total = most_steps * epochs
    raise ConfigError(
        f"Data set '{dataset}' has at most {samples:,} training samples, so '{key}' ({epochs}) "
        f"with 'training.batch_size' ({batch_size}) is too short for pruning: it has at most "
        f"{total} steps; increase '{key}', or decrease 'training.batch_size', 'pruning.warm_up' or "
        "'pruning.recovery'. See config/README.md."
    ) from last
