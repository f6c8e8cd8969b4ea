"""Rule prepare_data: source files to memory-mapped arrays."""

from pathlib import Path

from nasturtium.jobs.logs import logged

with logged(snakemake.log[0]):
    from nasturtium.stages import prepare_data

    prepare_data.run(
        snakemake.wildcards.dataset, Path(snakemake.output.card).parent, snakemake.params.own
    )
