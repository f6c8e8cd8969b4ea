"""How TensorFlow runs the steps of a training; chosen by net and device, and recorded."""

from dataclasses import dataclass

import tensorflow as tf
import tf_keras as keras

from nasturtium.models.encoding import ENCODING
from nasturtium.models.layers import facts_of

# In small nets, half of a step's time is spent in Python; more than some tens of steps per
# execution gain nothing.
MOST_STEPS_PER_EXECUTION = 32
# Compiling a dense net takes two to three seconds, which some thousand steps save again.
LEAST_COMPILED_STEPS = 3000


@dataclass(frozen=True)
class Execution:
    """How the steps of one training run.

    Attributes
    ----------
    steps_per_execution
        Steps that TensorFlow runs without returning to Python.
    jit_compile
        Whether XLA compiles the step.
    """

    steps_per_execution: int
    jit_compile: bool


def choose(model: keras.Model, most_steps: int, steps_per_epoch: int, epochs: int) -> Execution:
    """How to train ``model``.

    Parameters
    ----------
    most_steps
        The largest number that the callbacks allow; 1 for callbacks that act after every step.
    """
    long = steps_per_epoch * epochs >= LEAST_COMPILED_STEPS
    on_cpu = not tf.config.list_physical_devices("GPU")  # on a GPU it was not measured
    compiled = long and on_cpu and all(map(_suits_xla, model.layers))
    return Execution(min(most_steps, steps_per_epoch), compiled)


def _suits_xla(layer: keras.layers.Layer) -> bool:
    facts = facts_of(layer)
    # An encoding's convolution multiplies and adds, one position at a time.
    if layer.name == ENCODING:
        return True
    return facts is not None and facts.suits_xla
