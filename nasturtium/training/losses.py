"""What a training minimises, and what it reports.

A regression minimises errors in standard deviations of the target, independent of its unit.
"""

from collections.abc import Callable
from dataclasses import asdict

import tensorflow as tf
import tf_keras as keras

from nasturtium.data.catalog import Description
from nasturtium.training.execution import Execution
from nasturtium.training.loops import trace_once

# Metrics by which epochs are compared if another loss is minimised.
COMPARED = ("mse", "cross_entropy")

# Where Huber's loss changes from square to linear, in standard deviations of the targets.
_HUBER_DELTA = 0.5


class StandardisedError(keras.losses.Loss):
    """Squared error, or Huber's loss, of errors divided by ``std``.

    A net's output has the target's unit, so its squared error and gradients depend on the unit:
    optimizers diverge with one unit and make no progress with another. Divided by the standard
    deviation, they are those of a net that is trained on the standardised target. Huber, Annals of
    Mathematical Statistics 35 (1964).

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


def compile_model(
    model: keras.Model,
    description: Description,
    optimizer: keras.optimizers.Optimizer,
    execution: Execution = Execution(1, False),  # noqa: B008  (frozen)
    target_std: float = 1.0,
    huber: bool = False,
    label_smoothing: float = 0.0,
) -> None:
    """Compile with the task's loss and metrics: cross-entropy and accuracy, or MSE and MAE.

    A regression's loss uses errors divided by ``target_std``, and its MAE is in the target's unit.
    With ``huber`` it minimises Huber's loss instead of the squared error, which becomes the metric
    ``mse``, with the same divisor. With ``label_smoothing``, this share of each label is spread
    over all classes of a classification (Szegedy et al. 2016, arXiv 1512.00567, section 7), and the
    cross-entropy is the metric ``cross_entropy``.
    """
    if description.classes is None:
        loss = StandardisedError(target_std, huber)
        metrics = [keras.metrics.MeanAbsoluteError("mae")]
        metrics += [squared_error_metric(target_std)] if huber else []
    else:
        loss = keras.losses.SparseCategoricalCrossentropy()
        metrics = [keras.metrics.SparseCategoricalAccuracy("accuracy")]
        if label_smoothing:
            loss = _smoothed(description.classes, label_smoothing)
            metrics.append(keras.metrics.SparseCategoricalCrossentropy("cross_entropy"))
    model.compile(optimizer, loss, metrics=metrics, **asdict(execution))
    trace_once(model)


def _smoothed(classes: int, share: float):
    def smoothed_cross_entropy(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        spread = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), tf.int32), classes)
        return keras.losses.categorical_crossentropy(spread, probabilities, label_smoothing=share)

    return smoothed_cross_entropy
