"""Rule scaled: train the reference net at the size of the net that the search found."""

from nasturtium.jobs.script import started

with started(snakemake, "scaled") as job:
    from nasturtium.stages import scaled

    scaled.run(job, found=snakemake.input.found)
