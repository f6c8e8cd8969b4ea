"""Rules quantised, pruned_quantised, ...: train a saved model on for its int8 file."""

from nasturtium.jobs.script import started

with started(snakemake, "quantised") as job:
    from nasturtium.stages import quantised

    quantised.run(job, source=snakemake.input.model)
