"""Runs a TFLite file in TensorFlow Lite Micro's own interpreter, as on a microcontroller.

It runs in a separate process: it has its own copy of TensorFlow's operations, writes to stderr from
C++, and may abort the process for a file that it can't run.
"""

import io
import re
import subprocess
import sys
from dataclasses import dataclass

import numpy as np

from nasturtium.models.lite import Interpreter

# Takes inputs and the file and returns the outputs; its recording allocator prints the use of the
# arena to stderr.
_RUN = """
import io
import sys
import numpy as np
from tflite_micro import runtime

given = io.BytesIO(sys.stdin.buffer.read())
inputs = np.load(given)
content = given.read()
interpreter = runtime.Interpreter.from_bytes(content, arena_size=int(sys.argv[1]))
outputs = []
for sample in inputs:
    interpreter.set_input(sample, 0)
    interpreter.invoke()
    outputs.append(interpreter.get_output(0))
answer = io.BytesIO()
np.save(answer, np.array(outputs))
sys.stdout.buffer.write(answer.getvalue())
interpreter.print_allocations()
"""
_ARENA_BYTES = 256 * 2**20
_TIMEOUT_S = 120
_TOTAL = re.compile(r"Arena allocation total (\d+) bytes")
_MISSING = re.compile(r"Didn't find op for builtin opcode '(\w+)'")


@dataclass(frozen=True)
class MicroRun:
    """TensorFlow Lite Micro's results for a file; if it can't run it, all but ``reason`` is None.

    Attributes
    ----------
    arena_bytes
        Bytes of the arena after the runs. Because of 64-bit pointers it is somewhat larger than on
        a 32-bit microcontroller. Weights are not included: they stay in flash.
    largest_difference
        Between its outputs and those of TFLite's reference kernels: in int8 steps, or in the unit
        of a float32 output.
    """

    arena_bytes: int | None = None
    largest_difference: float | None = None
    reason: str | None = None


def run_micro(content: bytes, samples: np.ndarray) -> MicroRun:
    """Run the file in TensorFlow Lite Micro, and in TFLite's reference kernels.

    Parameters
    ----------
    samples
        Shape (samples, \\*input_shape), before they are rounded to int8.
    """
    try:
        reference = Interpreter(content, reference=True)
    except (ValueError, RuntimeError) as error:
        return MicroRun(reason=f"even TFLite can't run it: {str(error).strip()[:200]}")
    inputs = reference.quantised(samples)[:, None]
    with io.BytesIO() as sent:
        np.save(sent, inputs)
        given = sent.getvalue() + content
    try:
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(_ARENA_BYTES)],
            input=given,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return MicroRun(reason=f"TensorFlow Lite Micro took longer than {_TIMEOUT_S} s")
    said = done.stderr.decode(errors="replace")
    total = _TOTAL.search(said)
    if done.returncode or not total:
        return MicroRun(reason=_why(said))
    outputs = np.load(io.BytesIO(done.stdout))
    expected = np.array([reference.run(sample) for sample in inputs])
    difference = np.abs(outputs.astype(np.float64) - expected.astype(np.float64)).max()
    return MicroRun(int(total[1]), float(difference))


def _why(said: str) -> str:
    if "No module named 'tflite_micro'" in said:
        return "tflite-micro is not installed (Linux on x86-64 only)"
    missing = _MISSING.search(said)
    if missing:
        return f"TensorFlow Lite Micro lacks the operation {missing[1]}"
    lines = [line for line in said.splitlines() if line.strip()]
    told = next((line for line in lines if not line.startswith((" ", "Traceback"))), "no message")
    return f"TensorFlow Lite Micro can't run it: {told.strip()[:200]}"
