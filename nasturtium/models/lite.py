"""TFLite files: loaded and run, with TensorFlow or without it."""

import importlib.util
import sys
import time
import warnings

import numpy as np

from nasturtium.errors import ModelError


class Interpreter:
    """A TFLite file, ready to run on one thread.

    Parameters
    ----------
    content
        The file's bytes.
    reference
        Whether to run TFLite's reference kernels instead of the fast ones (XNNPACK).

    Raises
    ------
    ModelError
        Neither ai-edge-litert nor TensorFlow is installed.
    ValueError, RuntimeError
        It is not a TFLite file, or has an operation that the interpreter lacks.
    """

    def __init__(self, content: bytes, *, reference: bool = False):
        self._interpreter = _make(content, reference)
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()
        drawn = np.random.default_rng(0).random(self._input["shape"])
        self._interpreter.set_tensor(self._input["index"], self.quantised(drawn))

    @property
    def int8_tensors(self) -> int:
        """Number of its tensors that are int8."""
        return sum(t["dtype"] == np.int8 for t in self._interpreter.get_tensor_details())

    @property
    def input_quantisation(self) -> tuple[float, int]:
        """Scale and zero point: real = scale x (int8 - zero point); scale 0 if it is float32."""
        return self._input["quantization"]

    @property
    def output_quantisation(self) -> tuple[float, int]:
        """The same of its output."""
        return self._output["quantization"]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of its input, with the batch of 1."""
        return tuple(int(size) for size in self._input["shape"])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The same of its output."""
        return tuple(int(size) for size in self._output["shape"])

    @property
    def operations(self) -> list[str]:
        """TFLite's names of its operations, each once, sorted; of the reference kernels only."""
        return sorted({op["op_name"] for op in self._interpreter._get_ops_details()})

    def run(self, sample: np.ndarray) -> np.ndarray:
        """The output as it is, for one sample of shape (1, \\*input_shape) in the input's dtype."""
        self._interpreter.set_tensor(self._input["index"], sample)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])

    def predict(self, sample: np.ndarray) -> np.ndarray:
        """The output, in float32, for one sample of shape (1, \\*input_shape)."""
        output = self.run(self.quantised(sample))
        scale, zero = self._output["quantization"]
        return (output.astype(np.float32) - zero) * np.float32(scale) if scale else output

    def predict_all(self, samples: np.ndarray) -> np.ndarray:
        """The same for many samples, one after the other; shape (samples, outputs)."""
        return np.concatenate([self.predict(samples[i : i + 1]) for i in range(len(samples))])

    def quantised(self, samples: np.ndarray) -> np.ndarray:
        """``samples`` in the input's dtype: rounded to int8, float32, or tokens in int32."""
        scale, zero = self._input["quantization"]
        if not scale:
            return np.asarray(samples, self._input["dtype"])
        return np.clip(np.rint(samples / scale) + zero, -128, 127).astype(np.int8)

    def invoke(self) -> None:
        """Compute once, with the last input, or with a random one."""
        self._interpreter.invoke()

    def times_ms(self, warm_up_runs: int, runs: int) -> np.ndarray:
        """Milliseconds of each of ``runs`` calls, without copying inputs and outputs."""
        for _ in range(warm_up_runs):
            self._interpreter.invoke()
        times_ns = np.empty(runs, np.int64)
        for run in range(runs):
            start_ns = time.perf_counter_ns()
            self._interpreter.invoke()
            times_ns[run] = time.perf_counter_ns() - start_ns
        return times_ns / 1e6


def _make(content: bytes, reference: bool):
    interpreter, kinds = _backend()
    kind = kinds.BUILTIN_REF if reference else kinds.AUTO
    with warnings.catch_warnings():
        # TensorFlow warns that its own interpreter will move to another package.
        warnings.simplefilter("ignore", UserWarning)
        return interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=kind)


def _backend() -> tuple[type, type]:
    """Interpreter and kinds of kernels: TensorFlow's if loaded, otherwise ai-edge-litert's."""
    if sys.modules.get("tensorflow") is None and importlib.util.find_spec("ai_edge_litert"):
        from ai_edge_litert import interpreter

        return interpreter.Interpreter, interpreter.OpResolverType
    if importlib.util.find_spec("tensorflow"):
        from tensorflow import lite

        return lite.Interpreter, lite.experimental.OpResolverType
    raise ModelError(
        "No package here can run a .tflite file; install ai-edge-litert, which is small, or "
        "tensorflow."
    )
