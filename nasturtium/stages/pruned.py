"""Stages ``pruned`` and ``nas_pruned``: a trained model, pruned while it is retrained."""

from pathlib import Path

from nasturtium.jobs.job import Job
from nasturtium.models.files import load_model
from nasturtium.records.runs import NAS_PRUNED
from nasturtium.training.pruned_fit import pruned_fit
from nasturtium.training.recipe import pruning_of_searched_nets, retraining_recipe


def run(job: Job, source: str | Path) -> None:
    """Prune the model at ``source`` with the run's method and ratio.

    The source is loaded from its file for every run, with its trained weights, and the file is not
    changed. The written model is stripped, compacted and verified.

    The settings have ``training`` and ``pruning``: the recipe of the retraining comes from the
    first, its epochs and learning rate from the second.
    """
    run, pruning = job.run, job.settings["pruning"]
    if run.stage == NAS_PRUNED:
        pruning = pruning_of_searched_nets(pruning)
    with job.metered():
        trained, pruned = pruned_fit(
            load_model(source),
            job.data(),
            retraining_recipe(job.settings),
            method=run.method,
            ratio=run.ratio,
            pruning=pruning,
            seed=run.seed,
            label=run.label,
        )
    compaction = {"method": run.method, "target_ratio": run.ratio, **pruned.facts}
    job.write(pruned.model, trained.epochs, compaction)
