"""Whether a search's process grows with its trials.

    python -m benchmarks.search_memory --trials 50

On scikit-learn's digits, two epochs a trial, in one process. Printed are the resident memory after
each trial, and how much of it a trial adds over the second half: the slope of a least-squares line.
"""

import argparse
import logging
import tempfile
from pathlib import Path

import numpy as np

import nasturtium  # noqa: F401  (chooses Keras 2)
from benchmarks.search_efficiency import RECIPE, digits


def main() -> None:
    """Print a line a trial, and the growth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--tuner", default="random")
    arguments = parser.parse_args()

    from nasturtium.jobs import runtime

    runtime.configure(1)
    logging.disable(logging.WARNING)
    mib = np.array(resident_mib(arguments.tuner, arguments.trials))
    later = np.arange(len(mib))[len(mib) // 2 :]
    slope = np.polyfit(later, mib[later], 1)[0]
    print(f"from {mib[0]:.0f} to {mib[-1]:.0f} MiB, {slope:+.2f} MiB a trial over the second half")


def resident_mib(tuner: str, count: int) -> list[float]:
    """MiB of resident memory after each of ``count`` trials."""
    from nasturtium import metering
    from nasturtium.models.search_space import make_space
    from nasturtium.search.judge import Judge
    from nasturtium.search.measurer import Measurer
    from nasturtium.search.objective import make_objective
    from nasturtium.search.oracles import make_oracle
    from nasturtium.search.state import SearchState
    from nasturtium.search.study import oracle as pareto_oracle
    from nasturtium.search.trials import Trials
    from nasturtium.search.tuner import TrialTuner
    from nasturtium.settings import configuration
    from nasturtium.training.frame_statistics import frame_of

    search = {**configuration.for_dataset(configuration(), "digits")["search"], "trials": count}
    search["latency_runs"] = 5
    data, _ = digits(0)
    space = make_space(frame_of(data), search, [])
    reference = {"validation_loss": 0.1, "parameters": 11_034}
    with tempfile.TemporaryDirectory() as folder, metering.session(sources=[], idle_s=0) as meter:
        trials = Trials(
            space=space,
            data=data,
            recipe={**RECIPE, "epochs": 2},
            pruning=None,
            measurer=Measurer(meter, search, Path(folder) / "no-baseline.keras"),
            judge=Judge(make_objective({"validation_loss": 1.0}, reference, {}), reference),
            total=count,
            seed=0,
            label="memory",
            state=SearchState(Path(folder)),
        )

        def watched(*arguments) -> float:
            score = trials(*arguments)
            row = trials.rows[-1]
            print(f"{row['number']:4d} {row['rss_bytes'] / 2**20:8.0f} MiB", flush=True)
            return score

        if tuner == "pareto":
            terms = ["validation_loss", "parameters"]
            oracle = pareto_oracle.make_oracle(
                search, space, terms=terms, constraints={}, outcome=trials.row, seed=0
            )
        else:
            oracle = make_oracle(search, tuner, space, 0)
        TrialTuner(oracle, space, watched, Path(folder) / "oracle").search()
        return [row["rss_bytes"] / 2**20 for row in trials.rows]


if __name__ == "__main__":
    main()
