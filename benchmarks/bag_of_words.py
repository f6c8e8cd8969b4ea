"""Logistic regression on counts of words: a control for nets of texts.

    OMP_NUM_THREADS=1 python -m benchmarks.bag_of_words config/movie_snippets.yaml --seeds 0 1 2

The texts are those of the study, in its splits for the same seeds, as tokens of the same vocabulary
and length; so what differs is the model. Word counts are weighted by inverse document frequency.
The strength of the regularisation is chosen by the validation split among four, and the chosen
model is measured once on the test split. Prints a line a seed, then mean and standard deviation.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import yaml

from nasturtium.data import prepared, readers, splits
from nasturtium.settings import configuration

ROOT = Path(__file__).parents[1]
STRENGTHS = (0.1, 0.3, 1.0, 3.0)


def counts(features: np.ndarray, words: int) -> np.ndarray:
    """How often each word is in each text, float32 of shape (texts, words)."""
    table = np.zeros((len(features), words), np.float32)
    np.add.at(table, (np.arange(len(features))[:, None], features), 1)
    table[:, 0] = 0  # padding
    return table


def main() -> None:
    """Fit, choose, measure and print."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configuration", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    given = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    given |= yaml.safe_load(arguments.configuration.read_text())
    (dataset,) = given["datasets"]
    own = given["own_datasets"][dataset]
    shares = {"validation": 0.15, "test": 0.15, **given.get("split", {}), **own.get("split", {})}
    configuration.validated({"datasets": [dataset], "own_datasets": {dataset: own}}, schema)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        prepared.write(folder, *readers.read_described(dataset, own))
        data = prepared.read(folder)
        words = data.description.text["vocabulary"] + 2
        for seed in arguments.seeds:
            path = Path(folder) / f"{seed}.npz"
            splits.write_split(path, data, shares, seed)
            training, test = splits.training_data(data, path), splits.test_data(data, path)
            weigh = TfidfTransformer().fit(counts(training.train.features, words))
            parts = [
                (weigh.transform(counts(part.features, words)), part.targets)
                for part in (training.train, training.validation, test)
            ]
            models = [
                LogisticRegression(C=strength, max_iter=1000).fit(*parts[0])
                for strength in STRENGTHS
            ]
            best = max(models, key=lambda model: model.score(*parts[1]))
            found.append(best.score(*parts[2]))
            print(
                f"seed {seed}: accuracy {found[-1]:.4f}  (C {best.C}, {len(test)} texts, "
                f"{best.coef_.size + 1:,} parameters)"
            )
    if len(found) > 1:
        print(f"accuracy: {statistics.mean(found):.4f} +- {statistics.stdev(found):.4f}")


if __name__ == "__main__":
    main()
