"""Stage ``retrained``: any trial of a search, trained for the full budget."""

import json
from pathlib import Path

from nasturtium.errors import SearchError
from nasturtium.jobs.job import Job
from nasturtium.models.reference_nets import scaled_reference
from nasturtium.models.search_space import LEARNING_RATE, build_net, make_space
from nasturtium.records.parquet import read_rows
from nasturtium.training.fit import fit
from nasturtium.training.frame_statistics import frame_of


def run(job: Job, trials: str | Path, trial: str) -> None:
    """Train the net of ``trial`` from the start with the baseline's recipe and its learning rate.

    It is not pruned, even if the trial was; ``retrained_pruned`` does that. The settings have
    ``training``, and those keys of ``search`` that define the space.

    Parameters
    ----------
    trials
        ``trials.parquet`` of the search.

    Raises
    ------
    SearchError
        The search has no such trial.
    """
    run = job.run
    rows = {row["trial"]: row for row in read_rows(trials)}
    if trial not in rows:
        raise SearchError(f"{trials}: has no trial '{trial}'; choose from {', '.join(rows)}.")
    values = json.loads(rows[trial]["hyperparameters"])
    with job.metered():
        data = job.data()
        frame = frame_of(data)
        reference = scaled_reference(
            run.dataset,
            job.settings["training"],
            data.description.reference,
            frame.vocabulary,
        )
        space = make_space(frame, job.settings["search"], [], reference)
        model = build_net(space, values)
        recipe = {**job.settings["training"], "learning_rate": values[LEARNING_RATE]}
        trained = fit(model, data, recipe, seed=run.seed, label=run.label)
    job.write(model, trained.epochs)
