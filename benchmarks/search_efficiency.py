"""How much of the front a search covers with the same epochs, by rungs and without.

    python -m benchmarks.search_efficiency --budget 300 --epochs 30

On scikit-learn's digits, or with ``--dataset mnist`` on 10,000 of MNIST's training images and its
test split (its files are needed). All searches have the same space, start nets (but `stock`), seeds
and epochs in all; a net is trained for `--epochs` at most. `stock` is AutoKeras's own greedy
oracle, which sees the validation loss alone; `random` and `random limited` train every net to the
end, the latter none that is larger than the baseline; the others have the same limit, and those by
rungs spend the same epochs by rungs. In those called `pruned` every net is pruned, with a ratio
that the search chooses; those called `children` are pruned too, and spend 0.4 of the epochs on
children.

The hypervolume is the area between the front of (error, ln parameters) of the nets that were
trained to the end and the corner (0.9, ln parameters of the baseline): 0.9 is the error of
guessing. `validation` has all of them and the error on the validation split, `test` what a search
hands on, its best net and its picks, and the error on the test split. Printed are each seed's
hypervolumes, and the median, mean and least over the seeds of the ratios to each control.
"""

import argparse
import logging
import math
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import nasturtium  # noqa: F401  (chooses Keras 2)


@dataclass(frozen=True)
class Kind:
    """A search: its tuner, rungs, limit of size as a multiple of the baseline's, and pruning.

    ``children_share`` is None for a search without pruning.
    """

    tuner: str
    rungs: int
    size_limit: float | None = 1.0
    children_share: float | None = None


SEARCHES = {
    "stock": Kind("stock", 1, None),
    "random": Kind("random", 1, None),
    "random limited": Kind("random", 1),
    "random rungs": Kind("random", 3),
    "greedy rungs": Kind("greedy", 3),
    "pareto rungs": Kind("pareto", 3),
    "pareto limited": Kind("pareto", 1),
    "pareto 2 rungs": Kind("pareto", 2),
    "random pruned": Kind("random", 1, children_share=0.0),
    "random children": Kind("random", 1, children_share=0.4),
    "pareto pruned": Kind("pareto", 3, children_share=0.0),
    "pareto children": Kind("pareto", 3, children_share=0.4),
}
CONTROLS = ("random", "random limited", "random pruned")
# Of the reference nets.
BASELINE_PARAMETERS = {"digits": 11_034, "mnist": 483_482}
MNIST_SAMPLES = 10_000
SPLITS = ("validation", "test")
RECIPE = {
    "batch_size": 64,
    "optimizer": "adamw",
    "schedule": "cosine",
    "weight_decay": 0.004,
}


def main() -> None:
    """Print a line a seed, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), choices=SEARCHES)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--dataset", default="digits", choices=BASELINE_PARAMETERS)
    arguments = parser.parse_args()

    from nasturtium.jobs import runtime

    runtime.configure(1)
    logging.disable(logging.WARNING)
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    names = arguments.searches
    controls = [name for name in CONTROLS if name in names]
    print(f"{'seed':>6}  {'split':10}  " + "  ".join(f"{name:>14}" for name in names))
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        volumes = {
            name: covered(name, arguments.dataset, seed, arguments.budget, arguments.epochs)
            for name in names
        }
        for number, split in enumerate(SPLITS):
            for name, of_search in volumes.items():
                for control in controls:
                    ratio = of_search[number] / volumes[control][number]
                    found.setdefault((control, split), {}).setdefault(name, []).append(ratio)
            figures = "  ".join(f"{volumes[name][number]:14.3f}" for name in names)
            print(f"{seed:6d}  {split:10}  {figures}", flush=True)
    for (control, split), ratios in found.items():
        for what in (statistics.median, statistics.mean, min):
            figures = "  ".join(f"{what(ratios[name]):14.3f}" for name in names)
            print(f"{what.__name__:>6}  {split:10}  {figures}  (to {control})")


def covered(name: str, dataset: str, seed: int, budget: int, epochs: int) -> tuple[float, float]:
    """The hypervolumes of the search ``name`` after so many epochs in all, by split."""
    import keras_tuner
    from autokeras.tuners.greedy import GreedyOracle

    from nasturtium import metering
    from nasturtium.models.reference_nets import scaled_reference
    from nasturtium.models.search_space import make_space
    from nasturtium.search.finishing import finish
    from nasturtium.search.measurer import Measurer
    from nasturtium.search.oracles import SCORE, make_oracle
    from nasturtium.search.run import make_trials, oracle_of, run_trials
    from nasturtium.search.state import SearchState
    from nasturtium.settings import configuration
    from nasturtium.settings.rungs import affordable_nets, rung_epochs, with_children
    from nasturtium.statistics.pareto import hypervolume
    from nasturtium.training.frame_statistics import frame_of

    kind, shipped = SEARCHES[name], configuration.for_dataset(shipped_configuration(), dataset)
    tuner, rungs, of_children = kind.tuner, rung_epochs(epochs, kind.rungs), 0
    trials = affordable_nets(budget, rungs)
    if kind.children_share:
        given = {"epochs": epochs, "rungs": kind.rungs, "trials": trials, "budget": budget}
        given = {**shipped["search"], **given, "children_share": kind.children_share}
        divided = with_children(given)
        trials, of_children = divided["trials"], divided["children_epochs"]
    is_pruned = kind.children_share is not None
    search = {
        **shipped["search"],
        "trials": trials,
        "children_epochs": of_children,
        "rungs": kind.rungs,
        "size_limit": kind.size_limit,
        "latency_runs": 5,
        "objective": {"validation_loss": 1.0, "parameters": 0.1 if tuner != "stock" else 0.0},
    }
    data, test = split_data(dataset, seed)
    ratios = search["pruning_ratios"] if is_pruned else []
    space = make_space(frame_of(data), search, ratios, scaled_reference(dataset, {}, None))
    reference = {"validation_loss": 0.1, "parameters": BASELINE_PARAMETERS[dataset]}
    with tempfile.TemporaryDirectory() as folder, metering.session(sources=[], idle_s=0) as meter:
        trials = make_trials(
            search,
            space,
            data,
            {**RECIPE, "epochs": epochs},
            measurer=Measurer(meter, search, Path(folder) / "no-baseline.keras"),
            reference=reference,
            reasons={},
            state=SearchState(Path(folder)),
            seed=seed,
            label=name,
            pruning=shipped["pruning"] if is_pruned else None,
        )
        if tuner == "stock":
            make_oracle(search, "greedy", space, seed)  # seeds the global generators alike
            oracle = GreedyOracle(
                objective=keras_tuner.Objective(SCORE, "min"),
                max_trials=search["trials"],
                seed=seed + 1,
            )
        else:
            oracle = oracle_of(search, tuner, trials, {})
        run_trials(trials, oracle, Path(folder) / "oracle")
        finish(trials)
        done = [r for r in trials.rows if r["status"] == "completed" and r["epochs"] >= epochs]
        handed_on = [
            (1 - accuracy(row["model_path"], test), math.log(row["parameters"]))
            for row in done
            if row["best"] or row["picked_as"]
        ]
    every = [(1 - row["validation_accuracy"], math.log(row["parameters"])) for row in done]
    corner = (0.9, math.log(BASELINE_PARAMETERS[dataset]))
    return hypervolume(every, corner), hypervolume(handed_on, corner)


def accuracy(path: str, test) -> float:
    """Share of right labels of the model at ``path``."""
    from nasturtium.measurement.quality import predict
    from nasturtium.models.files import load_model

    outputs = predict(load_model(path), test.features)
    return float((outputs.argmax(axis=-1) == test.targets).mean())


def shipped_configuration() -> dict:
    """The shipped configuration."""
    import yaml

    from nasturtium.settings import configuration

    root = Path(__file__).parents[1]
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    return configuration.validated(
        yaml.safe_load((root / "config/config.yaml").read_text()), schema
    )


def split_data(dataset: str, seed: int):
    """By ``seed``, the train and validation splits of a data set, and its test split."""
    from nasturtium.data import prepared, readers, splits
    from nasturtium.data.catalog import describe

    with tempfile.TemporaryDirectory() as folder:
        prepared.write(folder, describe(dataset), readers.read(dataset))
        data = prepared.read(folder)
        path = Path(folder) / "split.npz"
        splits.write_split(path, data, {"validation": 0.15, "test": 0.15}, seed)
        training, test = splits.training_data(data, path), splits.test_data(data, path)
        if dataset == "mnist":
            of_validation = round(0.15 * MNIST_SAMPLES)
            training = replace(
                training,
                train=first(training.train, MNIST_SAMPLES - of_validation, seed),
                validation=first(training.validation, of_validation, seed),
            )
        return training, test


def first(split, count: int, seed: int):
    """So many samples of a split, drawn by ``seed``."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(split))[:count])
    return type(split)(np.asarray(split.features)[chosen], np.asarray(split.targets)[chosen])


if __name__ == "__main__":
    main()
