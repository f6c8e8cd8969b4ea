"""Runs plain AutoKeras on the study's splits and epochs: size and quality of the exported net.

    python -m benchmarks.against_autokeras digits --seeds 3 --trials 7 --epochs 9

AutoKeras's greedy tuner with its own blocks, optimizer choices, early stopping and final fit, by
its own defaults, and nothing of ours but the data: the train, validation and test splits that the
study of the same seed has. Printed are each seed's test figure, parameters, seconds, and epochs of
all trials and the final fit, to be compared with ``total_epochs`` of the study's ``nas``.
"""

import argparse
import tempfile
import time
from pathlib import Path

import nasturtium  # noqa: F401  (chooses Keras 2)


def main() -> None:
    """Print a line a seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=9)
    arguments = parser.parse_args()

    from nasturtium.jobs import runtime

    runtime.configure(1)
    print("seed  test        parameters  seconds  epochs")
    for seed in range(arguments.seeds):
        runtime.seed_everything(seed)
        figure, parameters, seconds, epochs = run(
            arguments.dataset, seed, arguments.trials, arguments.epochs
        )
        print(
            f"{seed:4d}  {figure:<10}  {parameters:>10,}  {seconds:7.0f}  {epochs:6d}", flush=True
        )


def run(dataset: str, seed: int, trials: int, epochs: int) -> tuple[str, int, float, int]:
    """Search once; test accuracy or MAE, parameters, seconds and epochs in all."""
    import autokeras as ak
    import numpy as np
    import tf_keras as keras

    data, test = splits_of(dataset, seed)
    classifies = data.description.classes is not None
    is_table = len(data.description.input_shape) == 1
    count = Count(keras)
    with tempfile.TemporaryDirectory() as folder:
        model = ak.AutoModel(
            inputs=ak.Input() if is_table else ak.ImageInput(),
            outputs=ak.ClassificationHead() if classifies else ak.RegressionHead(),
            directory=folder,
            tuner="greedy",
            max_trials=trials,
            objective="val_loss",
            seed=seed + 1,
            overwrite=True,
        )
        start_s = time.monotonic()
        model.fit(
            np.asarray(data.train.features, "float32"),
            data.train.targets,
            validation_data=(
                np.asarray(data.validation.features, "float32"),
                data.validation.targets,
            ),
            epochs=epochs,
            callbacks=[count.callback()],
            verbose=0,
        )
        seconds = time.monotonic() - start_s
        predicted = model.predict(np.asarray(test.features, "float32"), verbose=0)
        parameters = model.export_model().count_params()
    if classifies:
        labels = np.asarray(predicted).ravel().astype(int)
        return f"{100 * (labels == test.targets).mean():.2f} %", parameters, seconds, count.epochs
    error = np.abs(np.asarray(predicted).ravel() - np.ravel(test.targets)).mean()
    return f"MAE {error:.4g}", parameters, seconds, count.epochs


class Count:
    """Counts epochs in all trials; AutoKeras copies callbacks, so the count is kept in a class."""

    def __init__(self, keras):
        total = self

        class Callback(keras.callbacks.Callback):
            def __deepcopy__(self, memo):
                return self

            def on_epoch_end(self, epoch, logs=None):
                total.epochs += 1

        self.epochs = 0
        self.callback = Callback


def splits_of(dataset: str, seed: int):
    """Train and validation splits of ``dataset`` by ``seed``, and its test split."""
    import yaml

    from nasturtium.data import prepared, readers, splits
    from nasturtium.data.catalog import describe
    from nasturtium.settings import configuration
    from nasturtium.settings.schema import load_schema

    given = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text())
    shares = configuration.for_dataset(configuration.validated(given, load_schema()), dataset)
    with tempfile.TemporaryDirectory() as folder:
        prepared.write(folder, describe(dataset), readers.read(dataset))
        data = prepared.read(folder)
        path = Path(folder) / "split.npz"
        splits.write_split(path, data, shares["split"], seed)
        return splits.training_data(data, path), splits.test_data(data, path)


if __name__ == "__main__":
    main()
