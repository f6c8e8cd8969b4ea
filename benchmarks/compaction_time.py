"""How long compaction takes for nets of the study's sizes; each has to take less than 5 s.

    python -m benchmarks.compaction_time

A third of the channels of every hidden layer is set to zero first, so that there is something to
remove; times are of one call each of ``compact`` and ``verify``, in seconds.
"""

import sys
import time
from pathlib import Path

import numpy as np
import tf_keras as keras

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nasturtium.compaction import compact, dependency_groups, verify

LIMIT_S = 5.0
layers = keras.layers


def mnist() -> keras.Model:
    """784-528-128-10, dense, images scaled inside."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(528, activation="relu"),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def cifar10() -> keras.Model:
    """Three unpadded convolutions and two dense layers."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def sat6() -> keras.Model:
    """Two pairs of padded convolutions and three dense layers."""
    net = [keras.Input((28, 28, 4))]
    for _ in range(2):
        net += [layers.Conv2D(24, 3, padding="same", activation="relu") for _ in range(2)]
        net += [layers.MaxPooling2D()]
    net += [layers.Flatten(), *(layers.Dense(128, activation="relu") for _ in range(2))]
    return keras.Sequential([*net, layers.Dense(6, activation="softmax")])


def california_housing() -> keras.Model:
    """8-90-108-10-1, dense, normalised inside."""
    norm = layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(3, 2, (64, 8)))
    net = [keras.Input((8,)), norm]
    net += [layers.Dense(units, activation="relu") for units in (90, 108, 10)]
    return keras.Sequential([*net, layers.Dense(1)])


def zero_a_third(model: keras.Model) -> None:
    """Set every third channel of every hidden kernel and bias to zero."""
    for layer in model.layers[:-1]:
        if hasattr(layer, "kernel"):
            for variable in (layer.kernel, layer.bias):
                value = variable.numpy()
                value[..., ::3] = 0
                variable.assign(value)


def main() -> int:
    """Print the table; the exit status is 1 if a net took too long."""
    print(
        f"{'net':<20}{'params':>10}{'after':>10}{'groups_s':>10}{'compact_s':>11}{'verify_s':>10}"
    )
    slow = False
    for make in (mnist, cifar10, sat6, california_housing):
        model = make()
        zero_a_third(model)
        start = time.perf_counter()
        dependency_groups(model)
        grouped = time.perf_counter()
        result = compact(model)
        compacted = time.perf_counter()
        verify(model, result.model)
        end = time.perf_counter()
        slow |= end - grouped > LIMIT_S
        print(
            f"{make.__name__:<20}{result.params_before:>10,}{result.params_after:>10,}"
            f"{grouped - start:>10.3f}{compacted - grouped:>11.3f}{end - compacted:>10.3f}"
        )
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
