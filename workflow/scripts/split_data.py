"""Rule split_data: draw train, validation and test of one seed."""

from pathlib import Path

from nasturtium.jobs.logs import logged

with logged(snakemake.log[0]):
    from nasturtium.stages import split_data

    split_data.run(
        int(snakemake.wildcards.seed),
        data_folder=Path(snakemake.input.data[0]).parent,
        output=snakemake.output.split,
        card=snakemake.output.card,
        settings=snakemake.params.settings["split"],
    )
