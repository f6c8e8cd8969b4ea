"""A job for test_gpu_slots: takes a GPU of a fake host, prints it, and waits for a sign to end.

Arguments: the number of GPUs; ``fork`` to leave a child behind that lives on.
"""

import logging
import os
import sys
import time

from nasturtium.jobs import gpu_slots
from tests.nvml_fake import Board, FakeNvml, VirtualClock, installed

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    gpu_slots.POLL_S = (0.05, 0.1)
    boards = [Board(uuid=f"GPU-{number}") for number in range(int(sys.argv[1]))]
    with installed(FakeNvml(VirtualClock(), boards)):
        gpu_slots.take(1)
    if sys.argv[2:] == ["fork"] and os.fork() == 0:
        time.sleep(30)
        os._exit(0)
    sys.stdout.write(os.environ["CUDA_VISIBLE_DEVICES"] + "\n")
    sys.stdout.flush()
    sys.stdin.readline()
