"""Rule search_worker: one of several processes that run the trials of a search together."""

from nasturtium.jobs.script import started

with started(snakemake, "nas") as job:
    from nasturtium.stages import nas

    given, params = snakemake.input, snakemake.params
    nas.work(
        nas.Task(job, given.baseline, given.baseline_energy, given.baseline_training),
        worker=int(snakemake.wildcards.worker),
        state=params.state,
        storage=params.storage,
        done=snakemake.output.done,
    )
