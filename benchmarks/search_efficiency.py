"""How much of the front a search covers: pareto and scored greedy against AutoKeras's greedy.

    python -m benchmarks.search_efficiency --trials 12 --epochs 8

On scikit-learn's digits. All three search the same space with the same trials, epochs and seeds,
and each trial is run by the same code; what differs is who chooses the next net. `stock` is
AutoKeras's own greedy oracle, which sees the validation loss alone. The hypervolume is the area
between the front of (validation error, ln parameters) and the corner (0.9, ln parameters of the
largest net of the space): 0.9 is the error of guessing. Printed are each seed's hypervolumes and
the median over the seeds of the ratios to `stock`.
"""

import argparse
import logging
import math
import statistics
import tempfile
from pathlib import Path

import nasturtium  # noqa: F401  (chooses Keras 2)

SEARCHES = ("stock", "greedy", "pareto")
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
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()

    from nasturtium.jobs import runtime

    runtime.configure(1)
    logging.disable(logging.WARNING)
    ratios = {name: [] for name in SEARCHES}
    print("seed  " + "  ".join(f"{name:>8}" for name in SEARCHES))
    for seed in range(arguments.seeds):
        volumes = {
            name: covered(name, seed, arguments.trials, arguments.epochs) for name in SEARCHES
        }
        for name, volume in volumes.items():
            ratios[name].append(volume / volumes["stock"])
        print(f"{seed:4d}  " + "  ".join(f"{volumes[name]:8.3f}" for name in SEARCHES), flush=True)
    medians = (f"{statistics.median(ratios[name]):8.3f}" for name in SEARCHES)
    print("ratio " + "  ".join(medians) + "  (median to stock)")


def covered(name: str, seed: int, count: int, epochs: int) -> float:
    """The hypervolume of the search ``name`` after ``count`` trials."""
    import keras_tuner
    from autokeras.tuners.greedy import GreedyOracle

    from nasturtium import metering
    from nasturtium.models.search_space import build_net, make_space
    from nasturtium.search.measurer import Measurer
    from nasturtium.search.objective import make_objective
    from nasturtium.search.oracles import SCORE, make_oracle
    from nasturtium.search.pareto import hypervolume
    from nasturtium.search.state import SearchState
    from nasturtium.search.study import oracle as pareto_oracle
    from nasturtium.search.trials import Trials
    from nasturtium.search.tuner import TrialTuner
    from nasturtium.settings import configuration
    from nasturtium.training.frame_statistics import frame_of

    config = shipped_configuration()
    search = {
        **configuration.for_dataset(config, "digits")["search"],
        "trials": count,
        "epochs": epochs,
    }
    search["latency_runs"] = 5
    weights = {"validation_loss": 1.0}
    if name == "greedy":
        weights = {"validation_loss": 1.0, "parameters": 0.1}
    search["objective"] = weights
    data = digits(seed)
    space = make_space(frame_of(data), search, [])
    largest = build_net(space, space.corners()[2]).count_params()
    reference = {"validation_loss": 0.1, "parameters": 11_034}
    with tempfile.TemporaryDirectory() as folder, metering.session(sources=[], idle_s=0) as meter:
        trials = Trials(
            space=space,
            data=data,
            recipe={**RECIPE, "epochs": epochs},
            pruning=None,
            measurer=Measurer(meter, search),
            objective=make_objective(weights, reference, {}),
            reference=reference,
            total=count,
            seed=seed,
            label=name,
            state=SearchState(Path(folder)),
        )
        if name == "stock":
            make_oracle(search, "greedy", space, seed)  # seeds the global generators alike
            oracle = GreedyOracle(
                objective=keras_tuner.Objective(SCORE, "min"), max_trials=count, seed=seed + 1
            )
        elif name == "pareto":
            terms = ["validation_loss", "parameters"]
            oracle = pareto_oracle.make_oracle(
                search, space, terms=terms, outcome=trials.row, seed=seed
            )
        else:
            oracle = make_oracle(search, name, space, seed)
        TrialTuner(oracle, space, trials, Path(folder) / "oracle").search()
    points = [
        (1 - row["validation_accuracy"], math.log(row["parameters"]))
        for row in trials.rows
        if row["status"] == "completed"
    ]
    return hypervolume(points, (0.9, math.log(largest)))


def shipped_configuration() -> dict:
    """The shipped configuration."""
    import yaml

    from nasturtium.settings import configuration

    root = Path(__file__).parents[1]
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    return configuration.validated(
        yaml.safe_load((root / "config/config.yaml").read_text()), schema
    )


def digits(seed: int):
    """Train and validation splits of scikit-learn's digits, by ``seed``."""
    from nasturtium.data import prepared, readers, splits
    from nasturtium.data.catalog import describe

    with tempfile.TemporaryDirectory() as folder:
        prepared.write(folder, describe("digits"), readers.read("digits"))
        data = prepared.read(folder)
        path = Path(folder) / "split.npz"
        splits.write_split(path, data, {"validation": 0.15, "test": 0.15}, seed)
        return splits.training_data(data, path)


if __name__ == "__main__":
    main()
