"""Time and peak memory of preparing large data sets of users, each in its own process.

Writes a CSV file of 2 million rows and 30 columns, one value of a hundred missing, and a folder of
200,000 PNG pictures of 32x32x3, prepares and splits each as the study does, and prints wall time
and peak resident memory beside the size of the prepared form. Needs 3 GB of disk in the temporary
folder:

    python -m benchmarks.prepare_memory [csv] [pictures] [--rows 2000000] [--pictures 200000]
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

_COLUMNS = 30
_ROWS_AT_ONCE = 100_000
_SIDE = 32


def write_csv(folder: Path, rows: int) -> dict:
    """A table of numbers; its description."""
    import pandas

    draw, path = np.random.default_rng(0), folder / "a.csv"
    names = [f"x{number}" for number in range(_COLUMNS - 1)]
    for start in range(0, rows, _ROWS_AT_ONCE):
        values = draw.normal(size=(min(_ROWS_AT_ONCE, rows - start), _COLUMNS)).round(4)
        frame = pandas.DataFrame(values, columns=[*names, "y"])
        frame = frame.where((draw.random(frame.shape) > 0.01) | (frame.columns == "y"))
        frame.to_csv(path, mode="a", header=start == 0, index=False)
    own = {"format": "csv", "path": str(path), "task": "regression", "target": "y"}
    return {**own, "missing": "median"}


def write_pictures(folder: Path, pictures: int) -> dict:
    """Two classes of noise; their description."""
    from PIL import Image

    draw = np.random.default_rng(0)
    for number in range(pictures):
        path = folder / "pictures" / str(number % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = draw.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
        Image.fromarray(values).save(path, compress_level=0)
    shape = [_SIDE, _SIDE, 3]
    return {
        "format": "folder-of-images",
        "path": str(folder / "pictures"),
        "task": "classification",
        "input_shape": shape,
    }


def prepare(own: dict, output: Path) -> None:
    """Stage ``prepare_data``."""
    from nasturtium.stages import prepare_data

    prepare_data.run("mine", output, {**own, "reference": {"mlp": [8]}})


def split(own: dict, output: Path) -> None:
    """Stage ``split_data``."""
    from nasturtium.stages import split_data

    files = output / "split.npz", output / "split.json"
    split_data.run(0, output, *files, {"validation": 0.15, "test": 0.15})


def measured(stage: Callable, own: dict, output: Path, results) -> None:
    """Run it; put the seconds and the peak memory on ``results``, or None if it failed."""
    start_s = time.monotonic()
    try:
        stage(own, output)
    except BaseException:
        results.put(None)
        raise
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    results.put((time.monotonic() - start_s, peak_bytes))


def main() -> None:
    """Write, prepare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=["csv", "pictures"])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--pictures", type=int, default=200_000)
    arguments = parser.parse_args()
    # A process each: the memory that writes the files is not the memory that reads them.
    context = multiprocessing.get_context("spawn")
    for kind in arguments.kinds:
        with tempfile.TemporaryDirectory() as name:
            folder, results = Path(name), context.Queue()
            write = {"csv": write_csv, "pictures": write_pictures}[kind]
            own = write(folder, {"csv": arguments.rows, "pictures": arguments.pictures}[kind])
            for stage in (prepare, split):
                process = context.Process(
                    target=measured, args=(stage, own, folder / "out", results)
                )
                process.start()
                duration_s, peak_bytes = results.get() or sys.exit(f"{kind}: failed")
                process.join()
                size_bytes = (folder / "out" / "features.npy").stat().st_size
                print(
                    f"{kind}, {stage.__name__}: {duration_s:.1f} s, peak memory "
                    f"{peak_bytes / 1e9:.2f} GB, prepared {size_bytes / 1e9:.2f} GB"
                )


if __name__ == "__main__":
    main()
