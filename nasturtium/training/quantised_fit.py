"""A training in which the net computes as its int8 file will."""

from collections.abc import Mapping

import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.training.fake_quantisation import FakeQuantisation
from nasturtium.training.fit import Trained, fit


def quantised_fit(
    model: keras.Model, data: TrainingData, recipe: Mapping, *, seed: int, label: str
) -> tuple[Trained, keras.Model]:
    """Train ``model`` on by ``recipe`` with the roundings of int8; what became of it, in float32.

    Its BatchNormalization is folded into the kernels, as in the file. The figures of the epochs,
    which the kept one is chosen by, are those of the rounded net.

    Parameters
    ----------
    recipe, seed, label
        As of :func:`nasturtium.training.fit.fit`.
    """
    rounding = FakeQuantisation(model, data.train.features)
    trained = fit(
        rounding.model, data, recipe, seed=seed, label=label, callbacks=rounding.callbacks
    )
    return trained, rounding.finish()
