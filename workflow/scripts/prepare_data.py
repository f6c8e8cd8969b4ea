"""Rule prepare_data: source files to memory-mapped arrays."""

from pathlib import Path

from nasturtium.data.own.described import folder_content
from nasturtium.jobs.script import planned

own = snakemake.params.own
with planned(snakemake, "prepare_data", lambda: folder_content(own)):
    from nasturtium.stages import prepare_data

    prepare_data.run(snakemake.wildcards.dataset, Path(snakemake.output.card).parent, own)
