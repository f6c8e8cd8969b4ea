"""Rule baseline_longer: train the baseline on, unpruned."""

from nasturtium.jobs.script import started

with started(snakemake, "baseline_longer") as job:
    from nasturtium.stages import baseline_longer

    baseline_longer.run(job, source=snakemake.input.model)
