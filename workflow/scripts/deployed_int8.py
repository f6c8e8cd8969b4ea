"""Rule deployed_int8: a run's full-integer file, and C for a microcontroller."""

from nasturtium.jobs.script import started

with started(snakemake) as job:
    from nasturtium.stages import deployed_int8

    deployed_int8.run(job)
