"""Control ``baseline_longer``: the baseline, trained for further epochs without pruning."""

from pathlib import Path

from nasturtium.jobs.job import Job
from nasturtium.models.files import load_model
from nasturtium.training.fit import fit
from nasturtium.training.recipe import retraining_recipe


def run(job: Job, source: str | Path) -> None:
    """Continue to train the baseline at ``source`` with the recipe of a pruning.

    It shows what ``pruned`` gains from its additional epochs alone. Any of its epochs may be kept,
    since there is no pruning schedule. The settings have ``training`` and ``pruning``.
    """
    run = job.run
    with job.metered():
        data = job.data()
        model = load_model(source)
        recipe = retraining_recipe(job.settings)
        trained = fit(model, data, recipe, seed=run.seed, label=run.label)
    job.write(model, trained.epochs)
