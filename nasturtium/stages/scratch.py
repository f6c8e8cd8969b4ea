"""Control ``scratch``: the shape that a pruning left, trained from new initial weights."""

from pathlib import Path

from nasturtium.jobs.job import Job
from nasturtium.models.files import load_model
from nasturtium.models.weights import with_new_weights
from nasturtium.training.fit import fit
from nasturtium.training.recipe import total_recipe


def run(job: Job, source: str | Path) -> None:
    """Train the shape of the model at ``source`` anew, by the baseline's recipe.

    It is trained for as many epochs as the baseline and its pruning together (the control of Liu
    et al. 2019, arXiv 1810.05270, section 3, "Scratch-E" with the same number of epochs). What it
    reaches was in the shape; what ``pruned`` reaches beyond it was in the weights. The settings
    hold ``training`` and ``pruning``.
    """
    run = job.run
    with job.metered():
        data = job.data()
        model = with_new_weights(load_model(source))
        recipe = total_recipe(job.settings)
        trained = fit(model, data, recipe, seed=run.seed, label=run.label)
    job.write(model, trained.epochs)
