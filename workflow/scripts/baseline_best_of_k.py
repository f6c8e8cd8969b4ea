"""Rule baseline_best_of_k: train the reference net from several seeds, and keep the best."""

from nasturtium.jobs.script import started

with started(snakemake, "baseline_best_of_k") as job:
    from nasturtium.stages import baseline_best_of_k

    baseline_best_of_k.run(job, count=snakemake.params.nets)
