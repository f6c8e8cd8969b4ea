"""TFLite latency of several models against the first, interleaved in one run.

    M=results/mnist/seed0
    python -m benchmarks.tflite_latency $M/baseline/model.keras $M/pruned/channels-0.80/model.keras

Every round times each model in turn, so a busy machine slows all of them alike. Printed are the
median over the rounds of each round's median, and the median of each round's ratio to the first.
"""

import argparse

import nasturtium  # noqa: F401  (chooses Keras 2)


def main() -> None:
    """Print a line a model, for both kinds of weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="model.keras")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--runs", type=int, default=500, help="calls of a model in a round")
    arguments = parser.parse_args()

    import numpy as np

    from nasturtium.jobs import runtime
    from nasturtium.measurement.tflite import convert
    from nasturtium.models.files import load_model
    from nasturtium.models.lite import Interpreter

    runtime.configure(1)
    for dynamic in (False, True):
        interpreters = [
            Interpreter(convert(load_model(path), dynamic=dynamic)) for path in arguments.models
        ]
        medians_us = 1000 * np.array(
            [
                [np.median(one.times_ms(20, arguments.runs)) for one in interpreters]
                for _ in range(arguments.rounds)
            ]
        )
        ratios = medians_us[:, :1] / medians_us
        print("dynamic-range int8 weights" if dynamic else "float32", "(one thread, batch 1)")
        for path, latency_us, ratio in zip(
            arguments.models, np.median(medians_us, axis=0), ratios.T, strict=True
        ):
            low, middle, high = np.percentile(ratio, [25, 50, 75])
            print(f"  {latency_us:8.2f} us  {middle:5.2f} ({low:.2f} to {high:.2f}) x  {path}")


if __name__ == "__main__":
    main()
