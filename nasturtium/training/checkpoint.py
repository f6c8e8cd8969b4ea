"""A checkpoint of a training: weights, the optimizer's state, and the best epoch so far."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tf_keras as keras

from nasturtium.records.checksums import read_arrays, write_arrays


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training.

    Attributes
    ----------
    epoch
        Epochs done.
    precision
        The precision of the training.
    weights, optimizer
        Of the net in training, and of its optimizer.
    best_weights, best
        Of the best epoch so far, and its row of ``training.parquet``; None if no epoch counts yet.
    """

    epoch: int
    precision: str
    weights: Sequence[np.ndarray]
    optimizer: Sequence[np.ndarray]
    best_weights: Sequence[np.ndarray] | None
    best: dict | None

    def write(self, path: str | os.PathLike) -> None:
        """Write it to ``path``, atomically."""
        arrays = {
            **{f"weights{n}": value for n, value in enumerate(self.weights)},
            **{f"optimizer{n}": value for n, value in enumerate(self.optimizer)},
            **{f"best{n}": value for n, value in enumerate(self.best_weights or ())},
        }
        facts = {"epoch": self.epoch, "precision": self.precision, "best": self.best}
        text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        write_arrays(path, facts=text, **arrays)

    @classmethod
    def read(cls, path: str | os.PathLike) -> "Checkpoint":
        """The checkpoint in ``path``.

        Raises
        ------
        DamageError
            It is damaged or missing.
        """
        found = read_arrays(path)
        facts = json.loads(found["facts"].tobytes())

        def arrays(name: str) -> list[np.ndarray]:
            count = sum(key.startswith(name) for key in found)
            return [found[f"{name}{number}"] for number in range(count)]

        best = arrays("best") if facts["best"] else None
        weights, optimizer = arrays("weights"), arrays("optimizer")
        return cls(facts["epoch"], facts["precision"], weights, optimizer, best, facts["best"])

    def restore(self, net: keras.Model) -> None:
        """Give the compiled ``net`` and its optimizer the state of this checkpoint."""
        net.set_weights(list(self.weights))
        net.optimizer.build(net.trainable_variables)
        for variable, value in zip(net.optimizer.variables, self.optimizer, strict=True):
            variable.assign(value)
