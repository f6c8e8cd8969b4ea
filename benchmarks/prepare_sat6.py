"""Time and peak memory of preparing SAT-6 at its full size, from a synthetic sat-6-full.mat.

Writes a file of the published shape (324,000 + 81,000 images of 28x28x4 random bytes, compressed,
about 1.3 GB), prepares it in a process of its own, and prints that process's wall time and peak
resident memory. Needs 4 GB of disk in the temporary folder and about 5 GB of memory to write the
file:

    python -m benchmarks.prepare_sat6 [--images 324000 81000] [--folder FOLDER]
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path


def write_file(path: Path, images: list[int]) -> None:
    """A file in the layout of ``sat-6-full.mat``."""
    import numpy as np
    import scipy.io

    rng = np.random.default_rng(0)
    variables = {}
    for name, count in zip(("train", "test"), images, strict=True):
        values = rng.integers(0, 256, 28 * 28 * 4 * count, dtype=np.uint8)
        variables[f"{name}_x"] = values.reshape((28, 28, 4, count), order="F")
        variables[f"{name}_y"] = np.eye(6)[rng.integers(0, 6, count)].T
    scipy.io.savemat(path, variables, do_compression=True)


def prepare(data: Path, output: Path, results) -> None:
    """Prepare the file as the study does; put the seconds and the peak memory on ``results``."""
    os.environ["NASTURTIUM_DATA"] = str(data)
    from nasturtium.stages import prepare_data

    start_s = time.monotonic()
    prepare_data.run("sat6", output)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    results.put((time.monotonic() - start_s, peak_bytes))


def main() -> None:
    """Write, prepare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs=2, default=[324_000, 81_000])
    parser.add_argument("--folder", help="where the files go; a temporary folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        free = shutil.disk_usage(folder).free
        needed = 3 * 3136 * sum(arguments.images)
        if free < needed:
            raise SystemExit(f"{folder}: {needed / 1e9:.1f} GB of disk are needed, not {free:,}.")
        path = Path(folder) / "sat6" / "sat-6-full.mat"
        path.parent.mkdir()
        # A process each: the memory that writes the file is not the memory that reads it.
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        for target, parameters in (
            (write_file, (path, arguments.images)),
            (prepare, (Path(folder), Path(folder) / "prepared", results)),
        ):
            process = context.Process(target=target, args=parameters)
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{target.__name__} failed.")
        seconds, peak_bytes = results.get()
        print(f"source file          {path.stat().st_size / 1e9:8.2f} GB")
        print(f"images               {sum(arguments.images):8,}")
        print(f"seconds              {seconds:8.1f}")
        print(f"peak resident memory {peak_bytes / 1e9:8.2f} GB")


if __name__ == "__main__":
    main()
