"""Flash and RAM of a net on a microcontroller, without training it."""

from dataclasses import dataclass

import numpy as np
import tf_keras as keras

from nasturtium.deployment.bare_net import without_frame
from nasturtium.deployment.convert import quantise
from nasturtium.deployment.micro import run_micro
from nasturtium.measurement.tflite import REFUSED

_CALIBRATION_SAMPLES = 8


@dataclass(frozen=True)
class Footprint:
    """Flash and RAM of a net's full-integer file; None with the reason if they are not known.

    Attributes
    ----------
    flash_bytes
        Size of the file.
    ram_bytes
        The arena of TensorFlow Lite Micro's interpreter, as :mod:`nasturtium.deployment.micro`
        measures it.
    """

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    reason: str | None = None


def measure_footprint(model: keras.Model) -> Footprint:
    """Flash and RAM that ``model`` will need after its training.

    A copy with random weights is converted with random samples, and run once. Weights have to be
    random, since biases that are zero would be left out of the file.
    """
    generator = np.random.default_rng(0)
    copy = keras.models.clone_model(model)
    # Positive, since they may be variances.
    copy.set_weights([generator.uniform(0.05, 0.1, w.shape) for w in copy.get_weights()])
    bare = without_frame(copy)
    shape = (_CALIBRATION_SAMPLES, *bare.net.input_shape[1:])
    # Only the first token is certain to be in the vocabulary.
    takes_tokens = bare.net.inputs[0].dtype.is_integer
    drawn = np.zeros(shape) if takes_tokens else generator.normal(size=shape)
    try:
        content = quantise(bare, drawn)
    except REFUSED as error:
        first = (str(error).strip().splitlines() or [""])[0][:200]
        return Footprint(reason=f"no full-integer file: {type(error).__name__}: {first}")
    ran = run_micro(content, drawn[:1])
    return Footprint(len(content), ran.arena_bytes, ran.reason)
