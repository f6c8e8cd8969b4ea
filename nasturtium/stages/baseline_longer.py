"""Control ``baseline_longer``: the baseline, trained on for a pruning's epochs, unpruned."""

from pathlib import Path

from nasturtium.jobs.job import Job
from nasturtium.models.files import load_model
from nasturtium.training.fit import fit
from nasturtium.training.recipe import retraining_recipe


def run(job: Job, source: str | Path) -> None:
    """Train the baseline at ``source`` on by the recipe of a pruning.

    What ``pruned`` gains over the baseline by its epochs alone, this gains too. Any of its epochs
    may be kept, as no schedule has to end. The settings hold ``training`` and ``pruning``.
    """
    run = job.run
    with job.metered():
        data = job.data()
        model = load_model(source)
        recipe = retraining_recipe(job.settings)
        trained = fit(model, data, recipe, seed=run.seed, label=run.label)
    job.write(model, trained.epochs)
