"""Optimizers of the training recipes."""

from collections.abc import Mapping

import numpy as np
import tf_keras as keras

from nasturtium.models.encoding import ENCODING


class _OneDevice:
    """Leaves out the sum of gradients over devices, since there is only one.

    Keras computes that sum in a function that TensorFlow's table of gradients never releases, and
    with it the graph of the whole training: 15 to 20 MB for each net of a search.
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


# Names of weights without decay: it makes no sense for biases, scales and shifts, and the bins of
# an encoding follow the columns' values.
_NOT_DECAYED = ["bias", "gamma", "beta", "alpha", ENCODING]


def make_optimizer(recipe: Mapping, steps: int) -> keras.optimizers.Optimizer:
    """The recipe's optimizer; its learning rate is constant or a cosine over ``steps``.

    The cosine ends at zero (Loshchilov and Hutter 2017, arXiv 1608.03983, section 3, one cycle);
    before it the rate rises linearly for the share ``warm_up`` of the steps. Weight decay is
    decoupled (the same, arXiv 1711.05101) and applies only to kernels. With ``average`` the
    optimizer also keeps a moving average of the weights.
    """
    rate = recipe["learning_rate"]
    warm_up = round(recipe.get("warm_up", 0.0) * steps)
    if recipe["schedule"] == "cosine" and warm_up:
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=rate, warmup_steps=warm_up
        )
    elif recipe["schedule"] == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    average = recipe.get("average", 0.0)
    options = {"use_ema": True, "ema_momentum": average} if average else {}
    decay = recipe.get("weight_decay") or None
    if recipe["optimizer"] == "adamw":
        optimizer = _AdamW(rate, weight_decay=recipe["weight_decay"], **options)
    elif recipe["optimizer"] == "adam":
        return _Adam(rate, **options)
    else:
        optimizer = _SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay, **options)
    if optimizer.weight_decay is not None:
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return optimizer


def averaged_weights(model: keras.Model) -> list[np.ndarray] | None:
    """The model's weights with the optimizer's averages in place of trained weights.

    None if it keeps none. Statistics of BatchNormalization are already averages.
    """
    if not getattr(model.optimizer, "use_ema", False):
        return None
    trained = [weight.ref() for weight in model.trainable_variables]
    averages = dict(zip(trained, model.optimizer._model_variables_moving_average, strict=True))
    return [averages.get(weight.ref(), weight).numpy() for weight in model.weights]
