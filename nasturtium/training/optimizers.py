"""Optimizers of the training recipes."""

from collections.abc import Mapping

import tf_keras as keras


class _OneDevice:
    """Leaves out the sum of gradients over devices, of which there is one.

    Keras makes that sum in a function that TensorFlow's table of gradients keeps for ever, and with
    it the graph of the whole training: 15 to 20 MB for each net of a search.
    """

    def aggregate_gradients(self, grads_and_vars):
        """The gradients as they are."""
        return list(grads_and_vars)


class _AdamW(_OneDevice, keras.optimizers.AdamW):
    pass


class _Adam(_OneDevice, keras.optimizers.Adam):
    pass


class _SGD(_OneDevice, keras.optimizers.SGD):
    pass


def make_optimizer(recipe: Mapping, steps: int) -> keras.optimizers.Optimizer:
    """The recipe's optimizer, its learning rate constant or decaying as a cosine over ``steps``.

    The cosine ends at zero (Loshchilov and Hutter 2017, arXiv 1608.03983, section 3, one cycle).
    """
    rate = recipe["learning_rate"]
    if recipe["schedule"] == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    if recipe["optimizer"] == "adamw":
        return _AdamW(rate, weight_decay=recipe["weight_decay"])
    if recipe["optimizer"] == "adam":
        return _Adam(rate)
    return _SGD(rate, momentum=0.9, nesterov=True)
