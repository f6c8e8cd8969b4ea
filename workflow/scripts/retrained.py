"""Rule retrained: train a trial's net for the full budget."""

from nasturtium.jobs.script import started

with started(snakemake, "retrained") as job:
    from nasturtium.stages import retrained

    retrained.run(job, trials=snakemake.input.trials, trial=snakemake.wildcards.trial)
