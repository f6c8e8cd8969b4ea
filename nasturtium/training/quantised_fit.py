"""A training with the rounding of the int8 file."""

from collections.abc import Mapping

import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.training.fake_quantisation import FakeQuantisation
from nasturtium.training.fit import Trained, fit


def quantised_fit(
    model: keras.Model, data: TrainingData, recipe: Mapping, *, seed: int, label: str
) -> tuple[Trained, keras.Model]:
    """Continue to train ``model`` with int8 rounding; returns the trained net in float32.

    Its BatchNormalization is folded into the kernels, as in the file. The figures of the epochs, by
    which the kept one is chosen, are those of the rounded net.

    Parameters
    ----------
    recipe, seed, label
        See :func:`nasturtium.training.fit.fit`.
    """
    rounding = FakeQuantisation(model, data.train.features)
    trained = fit(
        rounding.model, data, recipe, seed=seed, label=label, callbacks=rounding.callbacks
    )
    return trained, rounding.finish()
