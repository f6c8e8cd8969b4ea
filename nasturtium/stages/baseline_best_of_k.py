"""Control ``baseline_best_of_k``: the reference net from several seeds, the best of them."""

import logging

from nasturtium.jobs.job import Job
from nasturtium.models.reference_nets import build_reference
from nasturtium.training.fit import fit
from nasturtium.training.frame_statistics import frame_of

logger = logging.getLogger(__name__)


def run(job: Job, count: int) -> None:
    """Train ``count`` reference nets that differ only in their seed; keep the best.

    The best has the lowest validation loss. If a search is better, that comes from its nets and not
    from choosing among many (Yang et al. 2020, arXiv 1912.12522, section 3). The first net has the
    baseline's seed, so the best is never worse than the baseline on the validation split. The
    settings have the section ``training``.
    """
    import tf_keras as keras

    from nasturtium.jobs import runtime

    run = job.run
    epochs: list[dict] = []
    best = None
    with job.metered():
        data = job.data()
        reference = job.settings["training"].get("reference") or data.description.reference
        for number in range(count):
            keras.backend.clear_session()
            # Far from the study's other seeds.
            seed = run.seed + 1_000_003 * number
            runtime.seed_everything(seed)
            model = build_reference(run.dataset, frame_of(data), reference)
            label = f"{run.label} net {number + 1} of {count}"
            trained = fit(model, data, job.settings["training"], seed=seed, label=label)
            epochs += [{**epoch, "trial": f"{number:04d}"} for epoch in trained.epochs]
            logger.info("%s: validation loss %.4g.", label, trained.validation_loss)
            if best is None or trained.validation_loss < best[0]:
                best = trained.validation_loss, f"{number:04d}", model
    loss, name, model = best
    logger.info("%s: net %d has the lowest validation loss, %.4g.", run.label, int(name) + 1, loss)
    for epoch in epochs:
        epoch["selected"] = epoch["selected"] and epoch["trial"] == name
    job.write(model, epochs)
