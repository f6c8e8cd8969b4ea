"""Rules pruned, nas_pruned, ...: retrain a saved model while pruning it."""

from nasturtium.jobs.script import started

with started(snakemake, "pruned") as job:
    from nasturtium.stages import pruned

    pruned.run(job, source=snakemake.input.model)
