"""Which runs and files a configured study has, and what each of them depends on.

The rules call it with Snakemake's wildcards; it needs neither Snakemake nor TensorFlow.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

from nasturtium.data.catalog import NAMES
from nasturtium.data.own import described
from nasturtium.pruning.methods import METHODS
from nasturtium.records.runs import (
    BEST_OF_K,
    NAS,
    PICKS,
    RANDOM_SEARCH,
    SCALED,
    Run,
    run_names,
)
from nasturtium.settings import configuration
from nasturtium.settings.rungs import rung_epochs, spent_epochs

# Names of picks can't be names of objectives.
_OBJECTIVE = f"(-(?!({'|'.join(PICKS)})([-/]|$))[a-z][a-z0-9_]*)?"
_SEARCH = f"nas(_with_pruning)?{_OBJECTIVE}"


class Wildcards(Protocol):
    """Wildcards of a rule, as strings; a rule has some of them."""

    dataset: str
    seed: str
    run: str
    search: str
    objective: str


def wildcard_patterns(config: Mapping[str, Any]) -> dict[str, str]:
    """Regular expressions of the wildcards of all rules."""
    method = "|".join(METHODS)
    pruned = rf"({method})-0\.\d\d"
    runs = (
        "baseline",
        "baseline_longer",
        "quantised",
        f"pruned_quantised/{pruned}",
        "nas(_with_pruning)?_quantised",
        f"((nas_)?pruned|scratch)/{pruned}",
        f"{_SEARCH}(-({'|'.join(PICKS)}))?",
        RANDOM_SEARCH,
        BEST_OF_K,
        SCALED,
        "retrained/[a-z0-9_-]+",
        f"retrained_pruned/[a-z0-9_-]+/{pruned}",
    )
    return {
        "dataset": "|".join([*NAMES, *config["own_datasets"]]),
        "seed": r"\d+",
        "method": method,
        "ratio": r"0\.\d\d",
        "objective": _OBJECTIVE,
        "search": f"{_SEARCH}|{RANDOM_SEARCH}",
        "trial": r"\d\d\d\d",
        "worker": r"\d+",
        "run": "|".join(runs),
    }


def run_outputs(run: str, *more: str) -> dict[str, str]:
    """The files of a run, by name; ``more`` are tables besides those of every run."""
    folder = f"results/{{dataset}}/seed{{seed}}/{run}"
    tables = ("training", *more, "energy", "power")
    return {
        "model": f"{folder}/model.keras",
        **{name: f"{folder}/{name}.parquet" for name in tables},
    }


def search_outputs(run: str, *more: str) -> dict[str, str]:
    """The files of a search and of its picks, which are runs made by the same job."""
    picked = {
        f"{pick}_{name}": path
        for pick in PICKS
        for name, path in run_outputs(f"{run}-{pick}", *more).items()
    }
    return {**run_outputs(run, "trials", *more), **picked}


def compaction_of_run(wildcards: Wildcards) -> dict[str, str]:
    """The run's ``compaction.parquet``, if its stage prunes."""
    run = Run(wildcards.dataset, int(wildcards.seed), wildcards.run)
    return {"compaction": f"{_folder(run)}/compaction.parquet"} if run.is_compacted else {}


class Plan:
    """The runs and files of a validated configuration."""

    def __init__(self, config: Mapping[str, Any]):
        self._config = config
        # Computed once per data set: in a large study it took a tenth of the planning time.
        self.of_dataset = cache(lambda dataset: configuration.for_dataset(config, dataset))

    def settings(self, stage: str) -> Callable[[Wildcards], dict[str, Any]]:
        """For ``params``: exactly the settings that a stage depends on, for the rule's data set."""
        of_stage = cache(lambda dataset: configuration.for_stage(self._config, stage, dataset))
        return lambda wildcards: of_stage(wildcards.dataset)

    def search_settings(self, stage: str) -> Callable[[Wildcards], dict[str, Any]]:
        """The same for a search, with the objective that its run is named after."""
        of_search = cache(
            lambda dataset, name: configuration.for_search(self._config, stage, dataset, name)
        )
        return lambda wildcards: of_search(wildcards.dataset, wildcards.objective.lstrip("-"))

    def random_search_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """The settings of ``nas``, except for the tuner."""
        found = configuration.for_search(self._config, NAS, wildcards.dataset, "")
        return {**found, "search": {**found["search"], "tuner": "random"}}

    def seeds_for_a_search(self, wildcards: Wildcards) -> int:
        """How many baselines can be trained with the epochs of a search, at least two."""
        chosen = self.of_dataset(wildcards.dataset)
        search = chosen["search"]
        spent = spent_epochs(search["trials"], rung_epochs(search["epochs"], search["rungs"]))
        return max(2, spent // chosen["training"]["epochs"])

    def worker_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """The settings of a worker's search."""
        stage, _, objective = wildcards.search.partition("-")
        return configuration.for_search(self._config, stage, wildcards.dataset, objective)

    def search(self, wildcards: Wildcards) -> dict[str, Any]:
        """Section ``search`` of the rule's data set."""
        return self.of_dataset(wildcards.dataset)["search"]

    def worker_ends(
        self, wildcards: Wildcards, search: str, finished: Mapping[str, Any] | None
    ) -> list[str]:
        """The file that each worker of a search writes last; none for a single process.

        A search does not depend on the number of workers.

        Parameters
        ----------
        search
            ``{dataset}/seed{seed}/{run}``.
        finished
            How the existing results were made, if they would be made in the same way now: then the
            number of ``workers`` stays the same.
        """
        workers = (finished or self.search(wildcards))["workers"]
        if workers == 1:
            return []
        return [f"results/{search}/worker-{worker}.done" for worker in range(workers)]

    def worker_storage(self, wildcards: Wildcards) -> str | None:
        """The storage in which the workers of a search share their study."""
        return self.search(wildcards)["storage"]

    def worker_threads(self, wildcards: Wildcards, cores: int | None) -> int:
        """Threads of a worker: its share of this machine's cores, so that all run at once.

        Parameters
        ----------
        cores
            None if they are not known, as on a cluster.
        """
        threads = self._config["threads"]
        if cores is None:
            return threads
        return max(1, min(threads, cores // self.search(wildcards)["workers"]))

    def own_description(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """The description of a user's own data set; None for a built-in one."""
        return configuration.own_description(self._config, wildcards.dataset)

    def own_files(self, wildcards: Wildcards) -> list[str]:
        """The files that it names."""
        return described.source_files(self.own_description(wildcards))

    def own_folder(self, wildcards: Wildcards) -> str | None:
        """A digest of its folder of images, which has too many files for inputs."""
        return described.folder_content(self.own_description(wildcards))

    def runs(self, dataset: str) -> list[Run]:
        """The runs of a data set, of all seeds."""
        chosen = self.of_dataset(dataset)
        pruning, objectives = chosen["pruning"], chosen["search"]["objectives"]
        names = run_names(
            pruning["methods"],
            pruning["ratios"],
            pruning["controls"],
            list(objectives),
            chosen["search"]["picks"],
            chosen["search"]["controls"],
            quantised=chosen["quantisation"]["enabled"],
        )
        return [Run(dataset, seed, name) for seed in self._config["seeds"] for name in names]

    def metrics(self, wildcards: Wildcards) -> list[str]:
        """One ``metrics.parquet`` for each run of the study."""
        return self._beside_all("metrics.parquet")

    def predictions(self, wildcards: Wildcards) -> list[str]:
        """The table of predictions beside each of them."""
        return self._beside_all("predictions.parquet")

    def names(self, wildcards: Wildcards) -> list[str]:
        """Names of the runs of a data set and seed."""
        return [run.name for run in self._of_seed(wildcards)]

    def lite(self, wildcards: Wildcards) -> list[str]:
        """The TFLite files of every run of a data set and seed, in the order of their names."""
        return [f"{_folder(run)}/lite.parquet" for run in self._of_seed(wildcards)]

    def latencies(self, wildcards: Wildcards) -> list[str]:
        """The table of paired latencies of each data set and seed."""
        pairs = [(d, s) for d in self._config["datasets"] for s in self._config["seeds"]]
        return [f"results/{dataset}/seed{seed}/latency.parquet" for dataset, seed in pairs]

    def devices(self) -> dict[str, Any]:
        """``search.device`` of each data set."""
        names = self._config["datasets"]
        return {name: self.of_dataset(name)["search"]["device"] for name in names}

    def trials(self, wildcards: Wildcards) -> list[str]:
        """The table of trials of each search."""
        return [f"{_folder(run)}/trials.parquet" for run in self._all() if run.is_search]

    def deployed(self, wildcards: Wildcards) -> list[str]:
        """The int8 file of every run; the files beside it are made with it."""
        return self._beside_all("deployed/model_int8.tflite")

    def tables(self, wildcards: Wildcards) -> list[str]:
        """The tables for the figures of a data set, besides the summary."""
        names = ("training", "energy", "power", "predictions")
        return [
            f"{_folder(run)}/{name}.parquet"
            for run in self.runs(wildcards.dataset)
            for name in (*names, *(("trials",) if run.is_search else ()))
        ]

    def _of_seed(self, wildcards: Wildcards) -> list[Run]:
        return [run for run in self.runs(wildcards.dataset) if run.seed == int(wildcards.seed)]

    def _all(self) -> list[Run]:
        return [run for dataset in self._config["datasets"] for run in self.runs(dataset)]

    def _beside_all(self, file: str) -> list[str]:
        return [f"{_folder(run)}/{file}" for run in self._all()]


def _folder(run: Run) -> str:
    return f"results/{run.dataset}/seed{run.seed}/{run.name}"
