"""Control ``scratch``: the shape that a pruning left, trained from new initial weights."""

from pathlib import Path

from nasturtium.jobs.job import Job
from nasturtium.models.files import load_model
from nasturtium.models.weights import with_new_weights
from nasturtium.training.fit import fit
from nasturtium.training.recipe import total_recipe


def run(job: Job, source: str | Path) -> None:
    """Train a net of the same shape as ``source`` from new weights with the baseline's recipe.

    It is trained for as many epochs as the baseline and its pruning together (the control of Liu et
    al. 2019, arXiv 1810.05270, section 3, "Scratch-E" with the same number of epochs). It shows
    what the shape alone reaches; if ``pruned`` is better, that comes from the weights. The settings
    have ``training`` and ``pruning``.
    """
    run = job.run
    with job.metered():
        data = job.data()
        model = with_new_weights(load_model(source))
        recipe = total_recipe(job.settings)
        trained = fit(model, data, recipe, seed=run.seed, label=run.label)
    job.write(model, trained.epochs)
