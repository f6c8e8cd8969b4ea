"""Latency of a TFLite file relative to another's, measured alternately in one process.

One call of a small net takes microseconds, and a machine's speed varies by more than two nets
differ. So both run in alternating blocks, and only the ratio of neighbouring blocks counts.
"""

import math
import os
from dataclasses import dataclass
from functools import cache

import numpy as np
import psutil
import tensorflow as tf

from nasturtium.measurement.tflite import Interpreter
from nasturtium.statistics.intervals import student_t

CALLS = 20
"""Calls per block; its value is their median, which an interruption does not change."""
PAIRS = 8
"""Pairs of blocks per round, in alternating order."""
ROUNDS = 10
"""Each has new interpreters, since the position of tensors in memory changes a ratio by some %."""


@dataclass(frozen=True)
class PairedLatency:
    """The latency of one file relative to that of the reference.

    Attributes
    ----------
    ratio, low, high
        Geometric mean of the rounds' median ratios, and its 95 % interval by Student's t.
    own_ms, reference_ms
        Median of the blocks' medians, milliseconds per call.
    """

    ratio: float
    low: float
    high: float
    own_ms: float
    reference_ms: float


def paired_latency(own: bytes, reference: bytes) -> PairedLatency:
    """Run two TFLite files alternately on one thread.

    Raises
    ------
    ValueError, RuntimeError
        The interpreter can't run one of them.
    """
    ratios, times_ms = [], []
    for _ in range(ROUNDS):
        pair = Interpreter(own), Interpreter(reference)
        for interpreter in pair:
            interpreter.times_ms(0, CALLS)
        blocks = np.array([_in_turn(pair, turned=bool(number % 2)) for number in range(PAIRS)])
        ratios.append(math.log(float(np.median(blocks[:, 0] / blocks[:, 1]))))
        times_ms.append(blocks)
    mean, deviation = float(np.mean(ratios)), float(np.std(ratios, ddof=1))
    half = student_t(ROUNDS - 1) * deviation / math.sqrt(ROUNDS)
    own_ms, reference_ms = (float(t) for t in np.median(np.concatenate(times_ms), axis=0))
    return PairedLatency(
        math.exp(mean), math.exp(mean - half), math.exp(mean + half), own_ms, reference_ms
    )


@cache
def call_floor_ms() -> float:
    """Milliseconds per call of a file that adds one number: no net can be faster."""
    signature = tf.TensorSpec((1, 1), tf.float32)
    adds = tf.function(lambda number: number + 1.0).get_concrete_function(signature)
    content = tf.lite.TFLiteConverter.from_concrete_functions([adds]).convert()
    return float(np.median(Interpreter(content).times_ms(CALLS, ROUNDS * CALLS)))


def describe_load() -> dict[str, float | None]:
    """The load of the machine and the frequency of its processor; None if unknown."""
    frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    return {
        "load_average": os.getloadavg()[0],
        "cpu_mhz": float(frequency.current) if frequency and frequency.current else None,
    }


def _in_turn(pair: tuple[Interpreter, Interpreter], *, turned: bool) -> tuple[float, float]:
    """Median milliseconds of a block of each, in the order of ``pair`` or the other way round."""
    own, reference = pair
    if turned:
        reference_ms = np.median(reference.times_ms(0, CALLS))
        return float(np.median(own.times_ms(0, CALLS))), float(reference_ms)
    own_ms = np.median(own.times_ms(0, CALLS))
    return float(own_ms), float(np.median(reference.times_ms(0, CALLS)))
