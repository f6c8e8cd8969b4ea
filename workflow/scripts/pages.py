"""Rule pages: the one page of the study, and the report's tables."""

from pathlib import Path

from nasturtium.jobs.script import planned

with planned(snakemake, "pages"):
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
