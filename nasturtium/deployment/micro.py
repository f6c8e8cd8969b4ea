"""The RAM a TFLite file needs on a microcontroller: the arena of TensorFlow Lite Micro.

Its interpreter runs in a process of its own: it brings another copy of TensorFlow's operations,
writes to stderr from C++, and may abort the process on a file it can't run.
"""

import re
import subprocess
import sys

# Prints the recorded use of the arena to stderr, as its own recording allocator counts it.
_RUN = """
import sys
import numpy as np
from tflite_micro import runtime

content = sys.stdin.buffer.read()
interpreter = runtime.Interpreter.from_bytes(content, arena_size=int(sys.argv[1]))
details = interpreter.get_input_details(0)
interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
interpreter.invoke()
interpreter.print_allocations()
"""
_ARENA_BYTES = 256 * 2**20
_TIMEOUT_S = 120
_TOTAL = re.compile(r"Arena allocation total (\d+) bytes")
_MISSING = re.compile(r"Didn't find op for builtin opcode '(\w+)'")


def measure_arena(content: bytes) -> tuple[int | None, str | None]:
    """Bytes of the arena after one run, or None; and why there is no figure.

    The figure holds for this machine: pointers of 64 bits make it somewhat larger than it is on a
    microcontroller of 32 bits. Weights are not in it: they stay in flash.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(_ARENA_BYTES)],
            input=content,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"TensorFlow Lite Micro took longer than {_TIMEOUT_S} s"
    said = done.stderr.decode(errors="replace")
    total = _TOTAL.search(said)
    if done.returncode == 0 and total:
        return int(total[1]), None
    if "No module named 'tflite_micro'" in said:
        return None, "tflite-micro is not installed (Linux on x86-64 only)"
    missing = _MISSING.search(said)
    if missing:
        return None, f"TensorFlow Lite Micro lacks the operation {missing[1]}"
    lines = [line for line in said.splitlines() if line.strip()]
    told = next((line for line in lines if not line.startswith((" ", "Traceback"))), "no message")
    return None, f"TensorFlow Lite Micro can't run it: {told.strip()[:200]}"
