"""Rule split_data: draw train, validation and test of one seed."""

from pathlib import Path

from nasturtium.jobs.script import planned

with planned(snakemake, "split_data"):
    from nasturtium.stages import split_data

    split_data.run(
        int(snakemake.wildcards.seed),
        data_folder=Path(snakemake.input.data[0]).parent,
        output=snakemake.output.split,
        card=snakemake.output.card,
        settings=snakemake.params.settings["split"],
    )
