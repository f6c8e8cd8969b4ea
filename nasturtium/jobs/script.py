"""The frame of a script that trains, searches or measures.

No stage imports this module. How jobs log and how they share out GPUs changes no result, so it is
kept out of the digest of a stage's code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasturtium.jobs import gpu_slots, logs
from nasturtium.records.runs import Run

if TYPE_CHECKING:
    from nasturtium.jobs.job import Job


@contextmanager
def started(snakemake: Any) -> Iterator["Job"]:
    """Run a script's body with its log, its GPU and TensorFlow set up; see ``logs.logged``.

    Parameters
    ----------
    snakemake
        The object that Snakemake gives to a script. Its rule has a log, the resource ``gpu``, the
        inputs ``data`` and ``split``, and the params ``run``, ``settings`` and ``code``; its first
        output lies in the run's directory.
    """
    with logs.logged(snakemake.log[0]):
        # Before TensorFlow is imported: it looks for GPUs once.
        gpu_slots.take(snakemake.resources.gpu)
        from nasturtium.jobs.job import Job

        dataset, seed = snakemake.wildcards.dataset, int(snakemake.wildcards.seed)
        job = Job(
            run=Run(dataset, seed, snakemake.params.run),
            data_folder=Path(snakemake.input.data[0]).parent,
            split=Path(snakemake.input.split),
            folder=Path(snakemake.output[0]).parent,
            settings=snakemake.params.settings,
            code=snakemake.params.code,
        )
        job.set_up(snakemake.threads)
        yield job
