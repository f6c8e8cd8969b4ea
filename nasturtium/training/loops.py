"""The functions that Keras trains and evaluates a net with, traced once.

Keras's own trace a step of a training up to four times: its loop runs the body once to see what
comes out of it, and all of it happens again since the optimizer makes its variables meanwhile. For
small nets that takes longer than to train them.
"""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras


def trace_once(model: keras.Model) -> None:
    """Let ``fit`` and ``evaluate`` of the compiled ``model`` run functions that are traced once.

    They compute what Keras's own do, operation by operation.
    """
    model.optimizer.build(model.trainable_variables)
    # Keras makes functions of its own only where there are none.
    model.train_function = _function(model, model.train_step, model._train_counter)
    model.test_function = _function(model, model.test_step, model._test_counter)


def _function(model: keras.Model, step: Callable, counter: tf.Variable) -> Callable:
    """A function of an iterator: as many steps as the model runs at once; its metrics."""

    def counted(batch) -> dict[str, tf.Tensor]:
        figures = step(batch)
        with tf.control_dependencies(tf.nest.flatten(figures)[:1]):
            counter.assign_add(1)
        return figures

    if model.jit_compile:
        counted = tf.function(counted, jit_compile=True, reduce_retracing=True, autograph=False)

    def several(iterator) -> dict[str, tf.Tensor]:
        def another(number: tf.Tensor) -> tf.Tensor:
            counted(next(iterator))
            return number + 1

        count = model._steps_per_execution.read_value()
        tf.while_loop(lambda number: number < count, another, [tf.zeros_like(count)])
        return model.get_metrics_result()

    is_one = model._steps_per_execution.numpy() == 1
    run = (lambda iterator: counted(next(iterator))) if is_one else several
    # There is no Python in a step that would have to become operations.
    return tf.function(run, reduce_retracing=True, autograph=False)
