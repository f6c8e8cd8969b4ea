"""The full-integer TFLite file: int8 inputs, weights, activations and outputs."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium.deployment.bare_net import BareNet, without_frame
from nasturtium.measurement.tflite import make_converter
from nasturtium.models.lite import Interpreter

CALIBRATION_SAMPLES = 500


def convert_full_integer(model: keras.Model, training_samples: np.ndarray) -> tuple[bytes, BareNet]:
    """``model`` without its frame as a full-integer TFLite file, and what the frame scales by.

    Parameters
    ----------
    training_samples
        Raw samples of the train split, shape (samples, \\*input_shape). The ranges of activations
        are taken from up to 500 of them, evenly spread over the split.

    Raises
    ------
    ValueError
        No tensor of the file is int8.
    tensorflow.lite.python.convert.ConverterError
        An operation has no int8 form.
    """
    bare = without_frame(model)
    count = min(CALIBRATION_SAMPLES, len(training_samples))
    chosen = np.linspace(0, len(training_samples) - 1, count).astype(int)
    return quantise(bare, bare.standardise(training_samples[chosen])), bare


def quantise(bare: BareNet, calibration: np.ndarray) -> bytes:
    """The full-integer file of a net without its frame; raises as :func:`convert_full_integer`.

    ``calibration`` holds standardised samples.
    """
    dtype = bare.net.inputs[0].dtype.as_numpy_dtype  # tokens stay int32 in the file
    calibration = calibration.astype(dtype)
    converter = make_converter(bare.net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content = converter.convert()
    if Interpreter(content).int8_tensors == 0:
        raise ValueError("the file has no int8 tensor")
    return content


def predict_full_integer(content: bytes, bare: BareNet, samples: np.ndarray) -> np.ndarray:
    """Outputs in float64, shape (samples, outputs), in the target's unit, for raw samples.

    Every sample is processed as on a device: standardise, round to int8, run at batch 1, scale
    back.
    """
    interpreter = Interpreter(content)
    return bare.restore(interpreter.predict_all(bare.standardise(samples))).astype(np.float64)
