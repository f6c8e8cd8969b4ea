"""Cost of metering: epochs of training with and without the meter, in turn.

    python -m benchmarks.metering_overhead

The device is a stand-in for the driver's library in Python, under the real NVML bindings, with a
delay per call like a driver's: what is measured is the sampler's thread, the windows and the
callback, not a real driver.
"""

import statistics
import sys
import time

import numpy as np
import tensorflow as tf
import tf_keras as keras

from nasturtium import metering
from nasturtium.metering.clock import Clock
from nasturtium.metering.devices.nvml import open_gpus
from tests.nvml_fake import Board, FakeNvml, constant, installed

PAIRS = 20
EPOCH_SAMPLES = 40_000
CALL_S = 30e-6


class SlowNvml(FakeNvml):
    """Each call takes the tens of microseconds that a driver takes."""

    def _answer(self, *arguments):
        time.sleep(CALL_S)
        return super()._answer(*arguments)


def small_net() -> keras.Model:
    """A convolutional net of the size of the study's."""
    net = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(24, 3, activation="relu"),
            keras.layers.Conv2D(24, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile("adam", loss)
    return net


def epoch(net, data, callbacks) -> tuple[float, float]:
    """Wall-clock and processor seconds of one epoch."""
    wall, cpu = time.perf_counter(), time.process_time()
    net.fit(data, epochs=1, verbose=0, callbacks=callbacks)
    return time.perf_counter() - wall, time.process_time() - cpu


def metered_epoch(net, data) -> tuple[float, float]:
    """The same in a session, with the callback and the thread at 10 Hz."""
    library = SlowNvml(Clock(), [Board(constant(100.0, until=1e9))])
    with installed(library):
        sources, _ = open_gpus()
        with metering.session(
            sources=sources, idle_s=0, synchronise=tf.test.experimental.sync_devices
        ):
            return epoch(net, data, [metering.MeterCallback("overhead")])


def parts(kind: type[FakeNvml], repeats: int = 200) -> tuple[float, float]:
    """Median seconds of one sample and of one empty window: the pieces the overhead is made of."""
    library = kind(Clock(), [Board(constant(100.0, until=1e9))])
    samples, windows = [], []
    with installed(library):
        sources, _ = open_gpus()
        with metering.session(sources=sources, idle_s=0, thread=False) as meter:
            for _ in range(repeats):
                start = time.perf_counter()
                meter.sampler.sample()
                middle = time.perf_counter()
                with meter.window("epoch", key="empty"):
                    pass
                samples.append(middle - start)
                windows.append(time.perf_counter() - middle)
    return statistics.median(samples), statistics.median(windows)


def main() -> None:
    """Print the seconds and the median ratio."""
    rng = np.random.default_rng(0)
    x = rng.random((EPOCH_SAMPLES, 8, 8, 1), dtype="float32")
    y = rng.integers(0, 10, EPOCH_SAMPLES)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(64)
    net = small_net()
    epoch(net, data, [])
    metered_epoch(net, data)
    offs, ons = [], []
    for pair in range(PAIRS):
        # Which of the two comes first alternates, so that a drift of the machine cancels.
        if pair % 2:
            ons.append(metered_epoch(net, data))
            offs.append(epoch(net, data, []))
        else:
            offs.append(epoch(net, data, []))
            ons.append(metered_epoch(net, data))
    print(f"{PAIRS} pairs, one epoch of {len(data)} steps each; fake NVML under real bindings,")
    versions = f"Python {sys.version.split()[0]}, TensorFlow {tf.__version__}"
    print(f"{1e6 * CALL_S:.0f} us a call; {versions}")
    for number, name in enumerate(("wall clock", "processor")):
        off, on = [one[number] for one in offs], [one[number] for one in ons]
        ratios = [b / a for a, b in zip(off, on, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name}: off {statistics.median(off):.3f} s, on {statistics.median(on):.3f} s, "
            f"median ratio {middle:.4f} (quartiles {low:.4f} to {high:.4f}), "
            f"ratio of the fastest {min(on) / min(off):.4f}"
        )
    for kind, name in ((SlowNvml, "with the delay"), (FakeNvml, "without it")):
        sample_s, window_s = parts(kind)
        print(
            f"{name}: a sample {1e3 * sample_s:.2f} ms, {100 * sample_s / 0.1:.2f} % of its "
            f"100 ms; a window, opened and closed, {1e3 * window_s:.2f} ms"
        )


if __name__ == "__main__":
    main()
