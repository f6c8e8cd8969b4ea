"""Converts a model to ONNX with tf2onnx; it and the runtime are an optional extra."""

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from nasturtium.errors import MeasurementError

# Supported by all recent runtimes.
_OPSET = 17
_LARGEST_RELATIVE = 1e-4


def convert_onnx(model: keras.Model, samples: np.ndarray) -> bytes:
    """``model`` as ONNX, for any batch size; it takes raw samples and has the model's outputs.

    Parameters
    ----------
    samples
        Raw samples of shape (samples, \\*input_shape), to compare file and model.

    Raises
    ------
    MeasurementError
        The extra is not installed, or the file does not compute the same as the model.
    """
    try:
        import onnxruntime
        import tf2onnx
    except ModuleNotFoundError as error:
        raise MeasurementError(
            f"An ONNX file needs {error.name}, which is not installed; run `uv sync --extra onnx`."
        ) from error
    signature = tf.TensorSpec((None, *model.input_shape[1:]), model.inputs[0].dtype, name="input")
    call = tf.function(lambda input: tf.identity(model(input, training=False), "output"))
    # Frozen, since tf2onnx takes a frame's constants for missing inputs.
    frozen = convert_variables_to_constants_v2(call.get_concrete_function(signature))
    proto, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[frozen.inputs[0].name],
        output_names=[frozen.outputs[0].name],
        opset=_OPSET,
    )
    content = proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    features = np.asarray(samples, model.inputs[0].dtype.as_numpy_dtype)
    (outputs,) = session.run(None, {session.get_inputs()[0].name: features})
    expected = model(features, training=False).numpy()
    if np.abs(outputs - expected).max() > _LARGEST_RELATIVE * np.abs(expected).max():
        raise MeasurementError(
            "The ONNX file from tf2onnx gives other outputs than the model; use the TFLite files "
            "instead."
        )
    return content
