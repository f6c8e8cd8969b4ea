"""Magnitude pruning with one threshold for all layers: it prunes the net's smallest weights.

This is "Global Magnitude Pruning" of Blalock et al. (MLSys 2020, arXiv 2003.03033, section 7.1),
with the cubic schedule of Zhu and Gupta (2017, arXiv 1710.01878, equation 1). tfmot only has a
threshold per layer.
"""

from typing import Self

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.errors import PruningError
from nasturtium.models.weights import kernel_of
from nasturtium.pruning.magnitude_options import (
    MagnitudeOptions,
    compacted,
    copy_of,
    layer_ratios,
)
from nasturtium.pruning.pruner import Pruned, PruningTask, ScheduledPruner
from nasturtium.pruning.schedule import CubicSchedule


class GlobalMagnitudePruning(ScheduledPruner):
    """Keeps the smallest weights of a copy of ``model`` at zero while it is trained.

    Parameters
    ----------
    schedule
        Target, a share of all weights of the pruned layers, and steps.

    Attributes
    ----------
    model
        The copy, to be trained with ``callbacks``.

    Raises
    ------
    PruningError
        The model has nothing to prune.
    """

    def __init__(
        self,
        model: keras.Model,
        schedule: CubicSchedule,
        options: MagnitudeOptions | None = None,
    ):
        super().__init__(schedule)
        self.model = copy_of(model)
        names = layer_ratios(model, schedule.target, options or MagnitudeOptions())
        self._kernels = {name: kernel_of(self.model.get_layer(name)) for name in names}
        self._masks = {
            name: tf.Variable(tf.ones_like(kernel), trainable=False)
            for name, kernel in self._kernels.items()
        }

    @classmethod
    def start(cls, task: PruningTask) -> Self:
        """Uses the options ``magnitude``; needs neither random numbers nor batches."""
        options = MagnitudeOptions(**task.settings.get("magnitude", {}))
        return cls(task.model, task.schedule, options)

    @property
    def ratio(self) -> float:
        """Share of the prunable weights that the masks currently keep at zero."""
        masks = [mask.numpy() for mask in self._masks.values()]
        return 1 - float(sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks))

    def finish(self, inputs: np.ndarray) -> Pruned:
        """The trained model without dead units; masked weights are exactly zero.

        Raises
        ------
        PruningError
            The training ended before the schedule.
        """
        if self._applied < self.schedule.end_step:
            raise PruningError(
                f"The training stopped after {self.step} steps, before the end of the pruning "
                f"schedule at step {self.schedule.end_step}; increase pruning.epochs."
            )
        self._multiply()
        return compacted(self.model, inputs)

    def _prune_to(self, ratio: float) -> None:
        """Mask the smallest weights, up to ``ratio``. Masked ones are zero, so they stay masked.

        Raises
        ------
        PruningError
            A layer would lose all its weights.
        """
        kernels = {name: np.abs(kernel.numpy()) for name, kernel in self._kernels.items()}
        # A weight that was masked earlier is taken before one that happens to be zero.
        order = [np.where(self._masks[name].numpy() == 0, -1, kernels[name]) for name in kernels]
        values = np.concatenate([value.ravel() for value in order])
        mask = np.ones(len(values), np.float32)
        mask[np.argsort(values, kind="stable")[: round(ratio * len(values))]] = 0
        ends = np.cumsum([kernel.size for kernel in kernels.values()])[:-1]
        for (name, kernel), part in zip(kernels.items(), np.split(mask, ends), strict=True):
            if not part.any():
                raise PruningError(
                    f"At a ratio of {ratio:.3f}, layer '{name}' would lose all its weights, since "
                    "other layers have larger ones; lower the ratio, or set "
                    "pruning.magnitude.threshold to layer."
                )
            self._masks[name].assign(part.reshape(kernel.shape))

    def _multiply(self) -> None:
        for name, kernel in self._kernels.items():
            kernel.assign(kernel * self._masks[name])
