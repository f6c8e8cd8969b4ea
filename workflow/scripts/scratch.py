"""Rule scratch: train the shape of a pruned model from new initial weights."""

from nasturtium.jobs.script import started

with started(snakemake, "scratch") as job:
    from nasturtium.stages import scratch

    scratch.run(job, source=snakemake.input.model)
