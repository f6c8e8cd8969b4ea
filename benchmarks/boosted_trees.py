"""Gradient-boosted trees on a tabular data set of the study: a control for its nets.

    OMP_NUM_THREADS=1 python -m benchmarks.boosted_trees california_housing --seeds 0 1 2

(one thread, since on a busy machine several wait for each other most of the time)

scikit-learn's HistGradientBoosting on the splits that the study draws for the same seeds, of which
it makes the prepared form in a temporary folder. The learning rate and the largest number of leaves
are chosen by the validation split among four pairs, early stopping looks at the validation split
too, and the chosen model is measured once on the test split. Prints a line a seed, then mean and
sample standard deviation, and the same of a linear model. "values" counts what the trees store: two
a split, one a leaf.
"""

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path

import numpy as np
import yaml

from nasturtium.data import prepared, readers, splits
from nasturtium.settings import configuration

ROOT = Path(__file__).parents[1]
GRID = tuple(itertools.product((0.05, 0.1), (31, 63)))


def fitted(task: str, train, validation, rate: float, leaves: int, seed: int):
    """A model, and the number of its trees that are best on the validation split."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor
    if task == "classification":
        kind = HistGradientBoostingClassifier
    model = kind(
        learning_rate=rate,
        max_leaf_nodes=leaves,
        max_iter=1000,
        early_stopping=True,
        n_iter_no_change=20,
        random_state=seed,
    )
    return model.fit(
        train.features, train.targets, X_val=validation.features, y_val=validation.targets
    )


def linear_model(task: str, train):
    """Least squares with a little ridge, or logistic regression, on standardised columns."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = LogisticRegression(max_iter=1000) if task == "classification" else Ridge()
    return make_pipeline(StandardScaler(), model).fit(train.features, train.targets)


def figures(task: str, model, split) -> dict[str, float]:
    """MAE and RMSE in the target's unit, or the accuracy."""
    predicted = model.predict(split.features)
    if task == "classification":
        return {"accuracy": float((predicted == split.targets).mean())}
    error = predicted - split.targets
    mae, rmse = float(np.abs(error).mean()), float(np.sqrt(np.square(error).mean()))
    return {"mae": mae, "rmse": rmse, "mae_fraction": mae / float(np.abs(split.targets).max())}


def stored_values(model) -> int:
    """Numbers that the trees store: feature and threshold of each split, value of each leaf."""
    trees = [tree for step in model._predictors for tree in step]
    leaves = sum(int(tree.nodes["is_leaf"].sum()) for tree in trees)
    return 2 * (sum(len(tree.nodes) for tree in trees) - leaves) + leaves


def main() -> None:
    """Fit, choose, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--configfile", type=Path, help="laid over config/config.yaml")
    arguments = parser.parse_args()
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    given = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    if arguments.configfile:
        given |= yaml.safe_load(arguments.configfile.read_text())
    config = configuration.validated(given, schema)
    shares = configuration.for_dataset(config, arguments.dataset)["split"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        own = configuration.own_description(config, arguments.dataset)
        description, samples = readers.read_described(arguments.dataset, own)
        if description.is_image:
            raise SystemExit(f"{arguments.dataset}: holds images; trees are for tables.")
        prepared.write(folder, description, samples)
        data = prepared.read(folder)
        for seed in arguments.seeds:
            path = Path(folder) / f"{seed}.npz"
            splits.write_split(path, data, shares, seed)
            training = splits.training_data(data, path)
            task, best = description.task, None
            for rate, leaves in GRID:
                model = fitted(task, training.train, training.validation, rate, leaves, seed)
                chosen_by = figures(task, model, training.validation)
                score = chosen_by.get("rmse", -chosen_by.get("accuracy", 0.0))
                if best is None or score < best[0]:
                    best = (score, model, rate, leaves)
            _, model, rate, leaves = best
            row = {
                **figures(task, model, splits.test_data(data, path)),
                "train_mae" if task == "regression" else "train_accuracy": next(
                    iter(figures(task, model, training.train).values())
                ),
                "trees": model.n_iter_,
                "values": stored_values(model),
            }
            linear = linear_model(task, training.train)
            beside = figures(task, linear, splits.test_data(data, path))
            row |= {f"linear_{name}": value for name, value in beside.items()}
            rows.append(row)
            shown = "  ".join(f"{name} {value:,.4g}" for name, value in row.items())
            print(f"seed {seed}: {shown}  (learning rate {rate}, {leaves} leaves)")
    if len(rows) > 1:
        for name in rows[0]:
            values = [row[name] for row in rows]
            print(f"{name}: {statistics.mean(values):.4f} +- {statistics.stdev(values):.4f}")


if __name__ == "__main__":
    main()
