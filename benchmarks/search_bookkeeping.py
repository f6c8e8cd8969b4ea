"""Cost of a search besides training, at its beginning and at its end.

    python -m benchmarks.search_bookkeeping --trials 300

In the default space of scikit-learn's digits, with all that a search does but for building,
training and measuring nets: these are made up in no time, a model of 30 kB is written, and each
trial has 30 epochs. Printed are medians over the first and the last 50 trials: of the processor's
time in which a net is proposed, and of all the other time between the begins of two trials. What
other processes take does not count, nor does waiting for a disk. `pareto worker` is a worker of
several, which shares a study in a journal.
"""

import argparse
import hashlib
import itertools
import logging
import math
import statistics
import tempfile
import time
from pathlib import Path

import nasturtium  # noqa: F401  (chooses Keras 2)
from benchmarks.search_efficiency import RECIPE, digits, shipped_configuration

WINDOW = 50
EPOCHS = 30
MODEL_BYTES = 30_000


def main() -> None:
    """Print a line for each tuner."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument(
        "--tuners", nargs="+", default=["pareto", "pareto worker", "greedy", "random"]
    )
    arguments = parser.parse_args()

    from nasturtium.jobs import runtime

    runtime.configure(1)
    logging.disable(logging.WARNING)
    print(f"{'':14}  {'proposing, ms':>20}  {'all the rest, ms':>20}")
    print(f"{'':14}  " + "  ".join(f"{name:>6}" for name in ("first", "last", "ratio") * 2))
    for tuner in arguments.tuners:
        figures = []
        for times in spent(tuner, arguments.trials):
            first, last = (statistics.median(part) for part in (times[:WINDOW], times[-WINDOW:]))
            figures += [f"{1000 * first:6.1f}", f"{1000 * last:6.1f}", f"{last / first:6.2f}"]
        print(f"{tuner:14}  " + "  ".join(figures), flush=True)


def spent(tuner: str, count: int) -> tuple[list[float], list[float]]:
    """Seconds of proposing each trial, and of the rest up to the next one."""
    from nasturtium import metering
    from nasturtium.models.reference_nets import scaled_reference
    from nasturtium.models.search_space import make_space
    from nasturtium.search.measurer import Measurer
    from nasturtium.search.run import make_trials, oracle_of, run_trials
    from nasturtium.search.state_access import join_state
    from nasturtium.search.study.storage import open_storage
    from nasturtium.settings import configuration
    from nasturtium.training.frame_statistics import frame_of

    settings = configuration.for_dataset(shipped_configuration(), "digits")["search"]
    settings = {**settings, "trials": count, "rungs": 1}
    data, _ = digits(0)
    space = make_space(frame_of(data), settings, [], scaled_reference("digits", {}, None))
    worker = 0 if tuner.endswith("worker") else None
    with (
        tempfile.TemporaryDirectory() as folder,
        metering.session(sources=[], idle_s=0) as meter,
        join_state(Path(folder), "mark", 0) as state,
    ):
        trials = make_trials(
            settings,
            space,
            data,
            {**RECIPE, "epochs": EPOCHS},
            measurer=Measurer(meter, settings, Path(folder) / "no-baseline.keras"),
            reference={"validation_loss": 0.1, "validation_accuracy": 0.9, "parameters": 11_034},
            reasons={},
            state=state,
            seed=0,
            label=tuner,
            worker=worker,
        )
        trials._train_and_measure = lambda row, rung, hp, epochs, before: made_up(
            row, epochs, state.trials / f"trial_{row['trial']}" / "model.keras"
        )
        shared = (lambda: open_storage(None, state.folder / "study.journal", "study")), "study"
        oracle = oracle_of(
            settings, tuner.split()[0], trials, {}, shared if worker is not None else None
        )
        proposing, begins, propose = [], [], oracle.populate_space

        def timed(trial_id: str) -> dict:
            start_s = time.process_time()
            try:
                return propose(trial_id)
            finally:
                proposing.append(time.process_time() - start_s)

        def begun(*given) -> float:
            begins.append(time.process_time())
            return trials(*given)

        oracle.populate_space = timed
        run_trials(trials, oracle, Path(folder) / "oracle", begun)
        periods = [after - before for before, after in itertools.pairwise(begins)]
        rest = [period - proposed for period, proposed in zip(periods, proposing[1:], strict=False)]
        return proposing[: len(begins)], rest


def made_up(row: dict, epochs: list[dict], path: Path) -> None:
    """What a training and the measurements of its net might have given: larger nets are better."""
    digest = hashlib.sha256(row["hyperparameters"].encode()).digest()
    parameters = 500 + int.from_bytes(digest[:2], "big")
    loss = 0.05 + (1 + digest[2] / 64) / math.log(parameters)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(MODEL_BYTES))
    epochs.extend({"trial": row["trial"], "epoch": n, "loss": loss} for n in range(EPOCHS))
    row.update(
        parameters=parameters,
        macs=2 * parameters,
        validation_loss=loss,
        validation_accuracy=0.95,
        validation_mae=None,
        best_epoch=EPOCHS - 1,
        model_path=str(path),
    )


if __name__ == "__main__":
    main()
