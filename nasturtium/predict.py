"""Predict from the command line: ``python -m nasturtium.predict MODEL SAMPLES``.

MODEL is a run's name, a ``model.keras``, a folder ``deployed`` or a ``.tflite`` file in it; SAMPLES
a CSV, Parquet, ``.npy`` or ``.npz`` file, a picture or a folder of pictures. Prints CSV: the
prediction of each row, and for a classification its probability.
"""

import argparse
import csv
import sys
from collections.abc import Sequence

from nasturtium.deployment.predictor import load_predictor
from nasturtium.errors import NasturtiumError


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict and print. Returns 1 after one sentence on standard error if that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m nasturtium.predict", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("samples")
    parser.add_argument("--results", default="results", help="folder of the results")
    parser.add_argument("--separator", help="between a CSV file's values; default as in training")
    chosen = parser.parse_args(arguments)
    try:
        predictor = load_predictor(chosen.model, chosen.results)
        outputs = predictor.outputs(chosen.samples, chosen.separator)
    except NasturtiumError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if predictor.classes is None:
        writer.writerow(["prediction"])
        writer.writerows([f"{value:.7g}"] for value in outputs[:, 0])
        return 0
    writer.writerow(["prediction", "probability"])
    best = outputs.argmax(axis=1)
    writer.writerows(
        [predictor.classes[label], f"{probabilities[label]:.4f}"]
        for label, probabilities in zip(best, outputs, strict=True)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
