"""Rule measure: one saved model, in this process and no other."""

from nasturtium.jobs.script import started

with started(snakemake, "measure", threads=1) as job:
    from nasturtium.stages import measure

    measure.run(job)
