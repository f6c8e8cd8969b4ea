"""Stages ``quantised``, ``pruned_quantised``, ...: a trained model, trained on for int8."""

from pathlib import Path

from nasturtium.jobs.job import Job
from nasturtium.models.files import load_model
from nasturtium.training.quantised_fit import quantised_fit
from nasturtium.training.recipe import quantisation_recipe


def run(job: Job, source: str | Path) -> None:
    """Train the model at ``source`` on with the roundings that its int8 file will make.

    What is written is in float32, for the same converter and the same measurer as any other run.
    The settings hold ``training`` and ``quantisation``: the recipe is of the first, its epochs and
    learning rate of the second.
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
