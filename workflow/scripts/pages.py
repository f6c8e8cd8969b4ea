"""Rule pages: the report's tables."""

from pathlib import Path

from nasturtium.jobs.logs import job

with job(snakemake.log[0]):
    from nasturtium.stages import pages

    pages.run(
        snakemake.input.summary,
        folder=Path(snakemake.output[0]).parent,
        config=snakemake.params.config,
    )
