"""Rule deployed_int8: a run's full-integer file, and C for a microcontroller."""

from nasturtium.jobs.script import started

with started(snakemake, "deployed_int8") as job:
    from nasturtium.stages import deployed_int8

    deployed_int8.run(job)
