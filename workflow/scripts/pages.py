"""Rule pages: the one page of the study, and the report's tables."""

from pathlib import Path

from nasturtium.jobs.logs import logged

with logged(snakemake.log[0]):
    from nasturtium.stages import pages

    pages.run(
        snakemake.input.summary,
        figures=snakemake.input.figures,
        index_path=snakemake.output.index,
        front_path=snakemake.output.front,
        folder=Path(snakemake.output.summary).parent,
        config=snakemake.params.config,
        cards=snakemake.input.cards,
        splits=snakemake.input.splits,
    )
