"""Rule scratch: train the shape of a pruned model from new initial weights."""

from pathlib import Path

from nasturtium.jobs.logs import job

with job(snakemake.log[0]):
    from nasturtium.jobs import gpu_slots

    gpu_slots.take(snakemake.resources.gpu)

    from nasturtium.jobs import runtime
    from nasturtium.records.runs import Run
    from nasturtium.stages import scratch

    runtime.configure(snakemake.threads)
    scratch.run(
        Run(snakemake.wildcards.dataset, int(snakemake.wildcards.seed), snakemake.params.run),
        source=snakemake.input.model,
        data_folder=Path(snakemake.input.data[0]).parent,
        split=snakemake.input.split,
        folder=Path(snakemake.output.model).parent,
        settings=snakemake.params.settings,
        code=snakemake.params.code,
    )
