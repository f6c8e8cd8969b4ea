"""Seconds an epoch and peak memory of the study's training against plain ``model.fit(x, y)``.

    python -m benchmarks.input_pipeline [--nets mnist cifar10 residual] [--rounds 3]

Both train the same net by the same optimizer and batch size on the same random samples, without
augmentation and with a validation split of 1,000. "ours" is :func:`nasturtium.training.fit.fit` on
the data set's own dtype, with deterministic operations as in every job and the precision that it
chooses by itself; "plain" is Keras's default on float32 arrays. `residual` is the residual net of
config/cifar10_residual.yaml on images like CIFAR-10's. Every training is a process of its own, the
two in turn; the first epoch, which holds tracing and compilation, is printed apart. Times are
medians over the rounds of the fastest later epoch; memory is the largest resident set of the
process, data included.

"products" is no training: for a dense net, the matrix products alone of such an epoch, forward and
backward, in float32, each called by itself: what of an epoch is plain arithmetic.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

BATCH = 128
DENSE = ("mnist", "california_housing")
RECIPE = {
    "batch_size": BATCH,
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "schedule": "constant",
    "weight_decay": 0.004,
    "precision": "auto",
}
# Nets in place of a data set's own.
REFERENCES = {"residual": ("cifar10", {"residual": {"filters": [16, 32, 48], "blocks": 2}})}


def work(net: str, mode: str, samples: int, epochs: int, threads: int) -> dict:
    """Train once; seconds of each epoch and peak memory."""
    import numpy as np

    from nasturtium.jobs import runtime

    if mode == "ours":
        runtime.configure(threads)
    import tensorflow as tf
    import tf_keras as keras

    from nasturtium.data.catalog import describe
    from nasturtium.data.splits import Split, TrainingData
    from nasturtium.models.reference_nets import build_reference
    from nasturtium.training.fit import fit
    from nasturtium.training.frame_statistics import frame_of

    if mode == "plain":
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    dataset, reference = REFERENCES.get(net, (net, None))
    description = describe(dataset)

    def split(count: int) -> Split:
        if description.is_image:
            features = rng.integers(0, 256, (count, *description.input_shape), dtype=np.uint8)
        else:
            features = rng.normal(size=(count, *description.input_shape)).astype(np.float32)
        if description.classes is None:
            return Split(features, rng.normal(size=count).astype(np.float32))
        return Split(features, rng.integers(0, description.classes, count))

    data = TrainingData(description, split(samples), split(1000))
    model = build_reference(dataset, frame_of(data), reference)
    if mode == "products":
        seconds = products(model, -(-samples // BATCH), epochs)
    elif mode == "ours":
        trained = fit(model, data, {**RECIPE, "epochs": epochs}, seed=0, label=net)
        seconds = [row["duration_s"] for row in trained.epochs]
    else:
        seconds = plain(model, data, epochs)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak_bytes": peak_bytes}


def plain(model, data, epochs: int) -> list[float]:
    """Seconds of each epoch of Keras's own way."""
    import numpy as np
    import tf_keras as keras

    seconds = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start_s = time.monotonic()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(time.monotonic() - self.start_s)

    optimizer = keras.optimizers.AdamW(RECIPE["learning_rate"], weight_decay=RECIPE["weight_decay"])
    regression = data.description.classes is None
    model.compile(
        optimizer,
        "mse" if regression else "sparse_categorical_crossentropy",
        metrics=["mae" if regression else "accuracy"],
    )
    train, validation = (
        (np.asarray(part.features, np.float32), part.targets)
        for part in (data.train, data.validation)
    )
    model.fit(
        *train,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=validation,
        validation_batch_size=1024,
        callbacks=[Clock()],
        verbose=0,
    )
    return seconds


def products(model, steps: int, epochs: int) -> list[float]:
    """Seconds of the matrix products alone of an epoch of a dense net's training."""
    import tensorflow as tf
    import tf_keras as keras

    kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    inputs = [tf.random.normal((BATCH, kernel.shape[0])) for kernel in kernels]
    gradients = [tf.random.normal((BATCH, kernel.shape[1])) for kernel in kernels]
    layers = list(zip(inputs, kernels, gradients, strict=True))
    seconds = []
    for _ in range(epochs):
        start_s = time.monotonic()
        for _ in range(steps):
            for number, (before, kernel, gradient) in enumerate(layers):
                tf.matmul(before, kernel)
                tf.matmul(before, gradient, transpose_a=True)
                if number:  # nothing is trained before the first layer
                    tf.matmul(gradient, kernel, transpose_b=True)
        seconds.append(time.monotonic() - start_s)
    return seconds


def main() -> None:
    """Run the processes in turn and print a line a net."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", default=["mnist", "cifar10", "residual"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--worker", nargs=2, metavar=("NET", "MODE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        done = work(*arguments.worker, arguments.samples, arguments.epochs, arguments.threads)
        print(json.dumps(done))
        return
    common = []
    for name in ("samples", "epochs", "threads"):
        common += [f"--{name}", str(getattr(arguments, name))]
    print("net                mode      s/epoch  1st epoch    ratio   peak MB")
    for net in arguments.nets:
        results = {"plain": [], "ours": []}
        if net in DENSE:
            results["products"] = []
        for _ in range(arguments.rounds):
            for mode, rows in results.items():
                command = [sys.executable, "-m", "benchmarks.input_pipeline", *common]
                done = subprocess.run(
                    [*command, "--worker", net, mode], check=True, stdout=subprocess.PIPE, text=True
                )
                rows.append(json.loads(done.stdout.splitlines()[-1]))
        seconds = {
            mode: statistics.median(min(row["seconds"][1:]) for row in rows)
            for mode, rows in results.items()
        }
        for mode, rows in results.items():
            first = statistics.median(row["seconds"][0] for row in rows)
            peak = statistics.median(row["peak_bytes"] for row in rows) / 1e6
            ratio = seconds[mode] / seconds["plain"]
            print(f"{net:18} {mode:8} {seconds[mode]:8.2f} {first:10.2f} {ratio:8.2f} {peak:9.0f}")


if __name__ == "__main__":
    main()
