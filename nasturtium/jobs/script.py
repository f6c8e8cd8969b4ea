"""The frame of a script.

No stage imports this module. How jobs log and share GPUs changes no result, so this code is not
part of the digest of a stage.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasturtium.jobs import forking, sharing

if TYPE_CHECKING:
    from nasturtium.jobs.job import Job


logger = logging.getLogger("nasturtium")


@contextmanager
def planned(
    snakemake: Any,
    stage: str,
    sources: Callable[[], object] = lambda: None,
    *,
    loads_tensorflow: bool = False,
    threads: int | None = None,
) -> Iterator:
    """Run a script's body with its log, on the code and the inputs that were planned.

    See ``logs.logged`` and ``jobs.provenance``.

    Parameters
    ----------
    snakemake
        The object that Snakemake gives to a script. Its rule has a log and the param ``code``. The
        resource ``runtime``, in minutes, is enforced here, since Snakemake itself only passes it to
        clusters and ignores it on one machine.
    stage
        Module below ``nasturtium.stages`` that the script runs.
    sources
        Returns what must not change besides the rule's inputs.
    loads_tensorflow
        Whether the script needs TensorFlow, so that it is loaded for a fork; see ``jobs.forking``.
        Other scripts run in a fork only if TensorFlow is already loaded.
    threads
        Threads of a script that asks Snakemake for more only to keep other jobs away; None for one
        that uses what it asks for.
    """
    if threads is not None:
        sharing.compute_with(threads)
    where = forking.hand_over(snakemake.log[0], start=loads_tensorflow)
    # The following imports take a while, and are not needed if a fork runs the script.
    from nasturtium.digest import stage_digest
    from nasturtium.jobs import logs, provenance

    scripts = snakemake.scriptdir
    code = partial(stage_digest, stage, scripts)
    with (
        logs.logged(snakemake.log[0], runtime_min=snakemake.resources.get("runtime")),
        provenance.only_as_planned(snakemake.params.code, code, scripts),
        provenance.unchanged(snakemake.input, sources),
    ):
        if loads_tensorflow:
            forking.replay()
        logger.debug("%s", where)
        yield


@contextmanager
def started(snakemake: Any, stage: str, *, threads: int | None = None) -> Iterator["Job"]:
    """The same for a script that trains, searches or measures: with its GPU and TensorFlow.

    Parameters
    ----------
    snakemake
        Its rule has the resource ``gpu`` too, the inputs ``data`` and ``split``, and the params
        ``run`` and ``settings``; its first output lies in the run's directory.
    stage, threads
        See :func:`planned`.
    """
    with planned(snakemake, stage, loads_tensorflow=True, threads=threads):
        from nasturtium.jobs import gpu_slots

        # Before TensorFlow is imported, since it looks for GPUs only once.
        gpu_slots.take(snakemake.resources.gpu)
        sharing.note_others(snakemake.threads)
        from nasturtium.jobs.job import Job
        from nasturtium.records.runs import Run

        dataset, seed = snakemake.wildcards.dataset, int(snakemake.wildcards.seed)
        job = Job(
            run=Run(dataset, seed, snakemake.params.run),
            data_folder=Path(snakemake.input.data[0]).parent,
            split=Path(snakemake.input.split),
            folder=Path(snakemake.output[0]).parent,
            settings=snakemake.params.settings,
            code=snakemake.params.code,
        )
        job.set_up(threads or snakemake.threads)
        yield job
