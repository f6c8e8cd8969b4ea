"""Rule deployed: the files of a run for use elsewhere, but for int8."""

from nasturtium.jobs.script import started

with started(snakemake, "deployed") as job:
    from nasturtium.stages import deployed

    deployed.run(job)
