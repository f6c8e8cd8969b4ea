"""What a regression minimises: errors in standard deviations of the target, whatever its unit."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras

# Where Huber's loss turns from square to linear, in standard deviations of the targets.
_HUBER_DELTA = 0.5


class StandardisedError(keras.losses.Loss):
    """Squared error, or Huber's loss, of errors divided by ``std``.

    A net gives the target in its unit, so its raw squared error and the gradients of its weights
    grow with the unit: optimizers diverge in one unit and stand still in another. Divided by the
    standard deviation they are those of a net that is trained on the standardised target.
    Huber, Annals of Mathematical Statistics 35 (1964).

    Parameters
    ----------
    std
        Standard deviation of the train split's targets, in their unit.
    """

    def __init__(self, std: float, huber: bool = False):
        super().__init__(name="standardised_error")
        self._std = std
        self._of_errors: Callable = _huber if huber else tf.square

    def call(self, y_true, y_pred):
        """The loss by sample, shape (samples,), dimensionless."""
        # Targets have shape (samples,), outputs (samples, 1).
        error = (tf.reshape(tf.cast(y_true, y_pred.dtype), tf.shape(y_pred)) - y_pred) / self._std
        return tf.reduce_mean(self._of_errors(error), axis=-1)


def squared_error_metric(std: float) -> keras.metrics.Metric:
    """The squared error of :class:`StandardisedError` as the metric ``mse``."""
    return keras.metrics.MeanMetricWrapper(StandardisedError(std).call, name="mse")


def _huber(error: tf.Tensor) -> tf.Tensor:
    size = tf.abs(error)
    linear = _HUBER_DELTA * (size - 0.5 * _HUBER_DELTA)
    return tf.where(size <= _HUBER_DELTA, 0.5 * tf.square(error), linear)
