"""Cost of a trial besides training as trials grow: Optuna's proposal and storage.

    python -m benchmarks.study_storage --trials 100 400 1600

Trials of eight hyperparameters and two objectives are proposed by `tpe` as the searches set it up,
or by `random`, and told at once, in one process. Printed are the milliseconds of processor time of
a trial, mean of the last 20 before each count, and at the end the seconds in which another process
would read the study. What `random` takes is the storage's; what `tpe` takes more is the sampler's.
Waiting for a disk or a server comes on top: some ten writes a trial.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path

import nasturtium  # noqa: F401  (chooses Keras 2)

WINDOW = 20


def main() -> None:
    """Print a line a storage and sampler."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 400, 1600])
    counts = parser.parse_args().trials
    print("storage  sampler  " + "".join(f"{f'at {n}, ms':>14}" for n in counts) + "   read, s")
    for storage in ("journal", "sqlite"):
        for sampler in ("random", "tpe"):
            with tempfile.TemporaryDirectory() as folder:
                times_ms, read_s = run(storage, sampler, counts, Path(folder))
            columns = "".join(f"{time_ms:14.1f}" for time_ms in times_ms)
            print(f"{storage:7}  {sampler:7}  {columns}{read_s:10.2f}", flush=True)


def run(storage: str, sampler: str, counts: list[int], folder: Path) -> tuple[list[float], float]:
    """Processor time: milliseconds of a trial at each count, seconds to read the study after."""
    import optuna

    from nasturtium.search.study.oracle import make_study

    study = make_study(
        objectives=2, sampler="tpe", seed=0, constrained=False, storage=opened(storage, folder)
    )
    if sampler == "random":
        study.sampler = optuna.samplers.RandomSampler(seed=0)
    values, took_s, means_ms = random.Random(0), [], []
    for number in range(1, max(counts) + 1):
        start_s = time.process_time()
        trial = study.ask()
        for name in "abcdefgh":
            trial.suggest_categorical(name, [8, 16, 32, 64])
        study.tell(trial, [values.random(), values.random()])
        took_s.append(time.process_time() - start_s)
        if number in counts:
            means_ms.append(1000 * sum(took_s[-WINDOW:]) / len(took_s[-WINDOW:]))
    start_s = time.process_time()
    again = optuna.load_study(study_name=study.study_name, storage=opened(storage, folder))
    assert len(again.trials) == max(counts)
    return means_ms, time.process_time() - start_s


def opened(storage: str, folder: Path):
    """The storage of the folder, as another process opens it."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    if storage == "sqlite":
        return optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
    return optuna.storages.JournalStorage(JournalFileBackend(str(folder / "journal")))


if __name__ == "__main__":
    main()
