"""The functions with which Keras trains and evaluates a net, traced once.

Keras's own functions trace a training step up to four times: the loop's body is traced once to find
its outputs, and everything is traced again since the optimizer creates its variables in the
meantime. For small nets this takes longer than the training.
"""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras


def trace_once(model: keras.Model) -> None:
    """Let ``fit`` and ``evaluate`` of the compiled ``model`` run functions that are traced once.

    They compute what Keras's own do, operation by operation.
    """
    model.optimizer.build(model.trainable_variables)
    # Keras makes its own functions only if there are none.
    model.train_function = _function(model, model.train_step, model._train_counter)
    model.test_function = _function(model, model.test_step, model._test_counter)


def _function(model: keras.Model, step: Callable, counter: tf.Variable) -> Callable:
    """A function of an iterator that runs the model's steps per execution; returns its metrics."""

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
    # A step has no Python code that would have to be converted to operations.
    return tf.function(run, reduce_retracing=True, autograph=False)
