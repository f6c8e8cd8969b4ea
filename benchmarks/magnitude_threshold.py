"""Compares magnitude pruning with a threshold for each layer and with one for the whole net.

    python -m benchmarks.magnitude_threshold [--dataset digits] [--seeds 5] [--ratios 0.8 0.9 0.95]

The shipped configuration's reference net, trained once a seed, then pruned from there with either
threshold to each ratio, by the same recipe and schedule. Printed are, a line a ratio, mean and
sample standard deviation over the seeds of the validation accuracy (or mean absolute error) before
and after, of the difference of the two thresholds (paired by seed), and the share of each layer's
weights that one threshold over all layers leaves, in the mean.
"""

import argparse
import logging
import statistics
import tempfile
from pathlib import Path

import nasturtium  # noqa: F401  (chooses Keras 2)

THRESHOLDS = ("layer", "global")


def main() -> None:
    """Print a line a ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="digits", choices=["digits", "diabetes"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.5, 0.8, 0.9, 0.95])
    arguments = parser.parse_args()

    from nasturtium.jobs import runtime

    runtime.configure(1)
    logging.disable(logging.WARNING)
    found = [measured(arguments.dataset, seed, arguments.ratios) for seed in range(arguments.seeds)]
    print(f"unpruned {spread([figures['unpruned'] for figures, _ in found])}")
    for ratio in arguments.ratios:
        values = {t: [figures[t, ratio] for figures, _ in found] for t in THRESHOLDS}
        change = [b - a for a, b in zip(values["layer"], values["global"], strict=True)]
        left = [shares[ratio] for _, shares in found]
        layers = "  ".join(
            f"{name} {statistics.mean(one[name] for one in left):.3f}" for name in left[0]
        )
        print(
            f"{ratio:.2f}  layer {spread(values['layer'])}  global {spread(values['global'])}  "
            f"global less layer {spread(change)}  left: {layers}",
            flush=True,
        )


def spread(values: list[float]) -> str:
    """Mean and sample standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4g} ± {deviation:.2g}"


def measured(dataset: str, seed: int, ratios: list[float]) -> tuple[dict, dict]:
    """Figures by threshold and ratio, and the share that is left of each layer by ratio."""
    import numpy as np

    from benchmarks.search_efficiency import shipped_configuration
    from nasturtium.jobs import runtime
    from nasturtium.models.reference_nets import build_reference
    from nasturtium.models.weights import prunable_kernels
    from nasturtium.settings import configuration
    from nasturtium.training.fit import fit
    from nasturtium.training.frame_statistics import frame_of
    from nasturtium.training.pruned_fit import pruned_fit
    from nasturtium.training.recipe import retraining_recipe

    settings = configuration.for_dataset(shipped_configuration(), dataset)
    data = splits_of(dataset, seed)
    figure = "validation_accuracy" if data.description.classes else "validation_mae"
    runtime.seed_everything(seed)
    net = build_reference(dataset, frame_of(data))
    figures = {"unpruned": fit(net, data, settings["training"], seed=seed, label="").best[figure]}
    shares = {}
    for ratio in ratios:
        for threshold in THRESHOLDS:
            runtime.seed_everything(seed)
            pruning = {**settings["pruning"], "magnitude": {"threshold": threshold}}
            trained, pruned = pruned_fit(
                net,
                data,
                retraining_recipe(settings),
                method="magnitude",
                ratio=ratio,
                pruning=pruning,
                seed=seed,
                label="",
            )
            figures[threshold, ratio] = trained.best[figure]
        whole = prunable_kernels(net)
        shares[ratio] = {
            name: np.count_nonzero(kernel) / whole[name].size
            for name, kernel in prunable_kernels(pruned.model).items()
        }
    return figures, shares


def splits_of(dataset: str, seed: int):
    """Train and validation splits of a data set that scikit-learn ships, by ``seed``."""
    from nasturtium.data import prepared, readers, splits
    from nasturtium.data.catalog import describe

    with tempfile.TemporaryDirectory() as folder:
        prepared.write(folder, describe(dataset), readers.read(dataset))
        data = prepared.read(folder)
        path = Path(folder) / "split.npz"
        splits.write_split(path, data, {"validation": 0.15, "test": 0.15}, seed)
        return splits.training_data(data, path)


if __name__ == "__main__":
    main()
