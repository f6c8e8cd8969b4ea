"""Stage ``baseline``: the reference net of the data set, trained."""

from nasturtium.jobs.job import Job
from nasturtium.models.reference_nets import build_reference
from nasturtium.training.fit import fit
from nasturtium.training.frame_statistics import frame_of


def run(job: Job) -> None:
    """Train the reference net by the section ``training`` of the settings."""
    run = job.run
    with job.metered():
        data = job.data()
        reference = job.settings["training"].get("reference") or data.description.reference
        model = build_reference(run.dataset, frame_of(data), reference)
        trained = fit(model, data, job.settings["training"], seed=run.seed, label=run.label)
    job.write(model, trained.epochs)
