"""Control ``scaled``: the reference net with all widths scaled to the size of a searched net."""

import logging
from collections.abc import Callable
from pathlib import Path

import tf_keras as keras

from nasturtium.jobs.job import Job
from nasturtium.models.files import load_model
from nasturtium.models.frame import build_framed
from nasturtium.models.reference_layers import output_layer
from nasturtium.models.reference_nets import scaled_reference
from nasturtium.training.fit import fit
from nasturtium.training.frame_statistics import frame_of

logger = logging.getLogger(__name__)

_LARGEST_SCALE, _STEPS = 64.0, 40


def run(job: Job, found: str | Path) -> None:
    """Train the reference net at the largest scale that has no more parameters than ``found``.

    If a search is better, that does not come from the number of parameters. If even a net with one
    unit per layer has more parameters, that net is used. The settings have ``training``.
    """
    run, training = job.run, job.settings["training"]
    most = load_model(found).count_params()
    with job.metered():
        data = job.data()
        frame = frame_of(data)
        reference = scaled_reference(
            run.dataset, training, data.description.reference, frame.vocabulary
        )

        def build(scale: float) -> keras.Model:
            features = reference(scale)
            return build_framed(
                frame,
                lambda tensor: output_layer(frame.classes)(features(tensor)),
                name="scaled",
            )

        scale = largest_scale(lambda scale: build(scale).count_params() <= most)
        keras.backend.clear_session()
        model = build(scale)
        logger.info(
            "%s: scaled by %.3g to %d parameters; the net of the search has %d.",
            run.label,
            scale,
            model.count_params(),
            most,
        )
        trained = fit(model, data, training, seed=run.seed, label=run.label)
    job.write(model, trained.epochs)


def largest_scale(fits: Callable[[float], bool]) -> float:
    """Largest scale, to a thousandth of itself, for which ``fits(scale)`` holds; 0 if none does."""
    low, high = 0.0, 1.0
    while high < _LARGEST_SCALE and fits(high):
        low, high = high, 2 * high
    for _ in range(_STEPS):
        if high - low <= 1e-3 * high:
            break
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
