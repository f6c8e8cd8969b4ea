"""A training that is cut and goes on: weights, the optimizer's state, and the best epoch so far."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tf_keras as keras

from nasturtium.records.atomic import atomic_path


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands.

    Attributes
    ----------
    epoch
        Epochs done.
    precision
        What the net is trained in.
    weights, optimizer
        Of the net in training, and of its optimizer.
    best_weights, best
        Of the best epoch so far, and its row of ``training.parquet``; None where none counted.
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
        with atomic_path(path) as temporary, Path(temporary).open("wb") as file:
            np.savez(file, facts=json.dumps(facts), **arrays)

    @classmethod
    def read(cls, path: str | os.PathLike) -> "Checkpoint":
        """The checkpoint in ``path``."""
        with np.load(path) as file:
            facts = json.loads(str(file["facts"]))

            def arrays(name: str) -> list[np.ndarray]:
                count = sum(key.startswith(name) for key in file.files)
                return [file[f"{name}{number}"] for number in range(count)]

            best = arrays("best") if facts["best"] else None
            return cls(
                facts["epoch"],
                facts["precision"],
                arrays("weights"),
                arrays("optimizer"),
                best,
                facts["best"],
            )

    def restore(self, net: keras.Model) -> None:
        """Give the compiled ``net`` and its optimizer the state of this checkpoint."""
        net.set_weights(list(self.weights))
        net.optimizer.build(net.trainable_variables)
        for variable, value in zip(net.optimizer.variables, self.optimizer, strict=True):
            variable.assign(value)
