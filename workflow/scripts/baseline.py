"""Rule baseline: train the reference net."""

from nasturtium.jobs.script import started

with started(snakemake, "baseline") as job:
    from nasturtium.stages import baseline

    baseline.run(job)
