"""Rule figures: all pictures of one data set."""

from pathlib import Path

from nasturtium.jobs.script import planned

with planned(snakemake, "figures"):
    from nasturtium.stages import figures

    figures.run(
        snakemake.wildcards.dataset,
        summary=snakemake.input.summary,
        folder=Path(snakemake.output[0]).parent,
    )
