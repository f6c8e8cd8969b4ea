"""Trials per minute with one worker of a search, and with two workers on two cores.

    python -m benchmarks.search_workers

On scikit-learn's digits. Each worker is a process with one thread, as the rule search_worker starts
them, on a study in a journal file. Both searches run the same nets, drawn once from the shipped
space, and take turns; the time is that from the moment at which all workers are ready to the end of
the last trial. Starting a process, most of it TensorFlow's import, is not counted. Printed are
trials a minute of each run, and the ratio of the medians.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nasturtium  # noqa: F401  (chooses Keras 2)
from benchmarks.search_efficiency import RECIPE, digits


def main() -> None:
    """Print a line a repeat, and the ratio; or be one of the workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        work(arguments.worker, arguments.folder, arguments.trials, arguments.epochs)
        return
    found = {1: [], 2: []}
    print("repeat  1 worker  2 workers  (trials a minute)")
    for repeat in range(arguments.repeats):
        for workers, rates in found.items():
            rates.append(trials_per_minute(workers, arguments.trials, arguments.epochs))
        print(f"{repeat:6d}  {found[1][-1]:8.2f}  {found[2][-1]:9.2f}", flush=True)
    one, two = (statistics.median(rates) for rates in found.values())
    print(f"median  {one:8.2f}  {two:9.2f}  ratio {two / one:.2f}")


def trials_per_minute(workers: int, trials: int, epochs: int) -> float:
    """Trials per minute of a search with ``workers`` processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "benchmarks.search_workers", "--folder", name]
        command += ["--trials", str(trials), "--epochs", str(epochs), "--worker"]
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        processes = [
            subprocess.Popen(
                [*command, str(worker)],
                env={**os.environ, **one_thread, "TF_CPP_MIN_LOG_LEVEL": "2"},
                stdout=subprocess.DEVNULL,
                stderr=(folder / f"errors-{worker}").open("w"),
            )
            for worker in range(workers)
        ]
        while len(list(folder.glob("ready-*"))) < workers:
            if any(process.poll() for process in processes):
                sys.exit("".join(path.read_text() for path in folder.glob("errors-*")))
            time.sleep(0.05)
        start_s = time.time()
        (folder / "go").touch()
        if any([process.wait() for process in processes]):
            sys.exit("".join(path.read_text() for path in folder.glob("errors-*")))
        records = list((folder / "state" / "trials").glob("*/trial.json"))
        assert len(records) == trials
        end_s = max(path.stat().st_mtime for path in records)
        return 60 * trials / (end_s - start_s)


def work(worker: int, folder: Path, count: int, epochs: int) -> None:
    """One worker: get ready, wait for the others, run trials."""
    from nasturtium import metering
    from nasturtium.jobs import runtime
    from nasturtium.models.search_space import make_space
    from nasturtium.search.judge import Judge
    from nasturtium.search.measurer import Measurer
    from nasturtium.search.objective import make_objective
    from nasturtium.search.state_access import join_state
    from nasturtium.search.study import shared_oracle
    from nasturtium.search.study.storage import open_storage
    from nasturtium.search.trials import Trials
    from nasturtium.search.tuner import TrialTuner
    from nasturtium.settings import configuration
    from nasturtium.training.frame_statistics import frame_of

    runtime.configure(1)
    search = {**configuration.for_dataset(configuration(), "digits")["search"], "trials": count}
    data, _ = digits(0)
    space = make_space(frame_of(data), search, [])
    nets = drawn(space, count)
    # What a search starts from, and here all of it.
    space.starts = lambda: nets
    reference = {"validation_loss": 0.1, "parameters": 11_034}
    objective = make_objective({"validation_loss": 1.0}, reference, {})
    with (
        join_state(folder / "state", "mark", worker) as state,
        metering.session(sources=[], idle_s=0) as meter,
    ):
        trials = Trials(
            space=space,
            data=data,
            recipe={**RECIPE, "epochs": epochs},
            pruning=None,
            measurer=Measurer(meter, search, folder / "no-baseline.keras"),
            judge=Judge(objective, reference),
            total=count,
            seed=0,
            label=f"worker {worker}",
            state=state,
            worker=worker,
        )
        oracle = shared_oracle.make_shared_oracle(
            search,
            space,
            terms=["validation_loss", "parameters"],
            constraints={},
            outcome=trials.row,
            storage=lambda: open_storage(None, state.folder / "study.journal", "study"),
            name="study",
            seed=worker,
            state=state,
            worker=worker,
        )
        tuner = TrialTuner(oracle, space, trials, state.tables(worker) / "oracle")
        (folder / f"ready-{worker}").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        tuner.search()


def drawn(space, count: int) -> list[dict]:
    """Hyperparameters of ``count`` different nets, the same in each call."""
    import keras_tuner

    chance, found, known = random.Random(0), [], set()
    hyperparameters = keras_tuner.HyperParameters()
    space.build(hyperparameters)
    while len(found) < count:
        values = {
            one.name: chance.choice(list(one.values))
            if hasattr(one, "values")
            else hyperparameters.get(one.name)
            for one in hyperparameters.space
        }
        signature = space.signature(values)
        if signature not in known:
            known.add(signature)
            found.append(values)
    return found


if __name__ == "__main__":
    main()
