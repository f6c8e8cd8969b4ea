"""Stages ``quantised``, ``pruned_quantised``, ...: a trained model, trained further for int8."""

from pathlib import Path

from nasturtium.jobs.job import Job
from nasturtium.models.files import load_model
from nasturtium.training.quantised_fit import quantised_fit
from nasturtium.training.recipe import quantisation_recipe


def run(job: Job, source: str | Path) -> None:
    """Continue to train the model at ``source`` with the rounding of its int8 file.

    The written model is in float32, for the same converter and measurer as any other run. The
    settings have ``training`` and ``quantisation``: the recipe comes from the first, its epochs and
    learning rate from the second.
    """
    run = job.run
    with job.metered():
        trained, model = quantised_fit(
            load_model(source),
            job.data(),
            quantisation_recipe(job.settings),
            seed=run.seed,
            label=run.label,
        )
    job.write(model, trained.epochs)
