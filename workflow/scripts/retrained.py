"""Rule retrained: train a trial's net for the full budget."""

from pathlib import Path

from nasturtium.jobs.logs import job

with job(snakemake.log[0]):
    from nasturtium.jobs import gpu_slots

    gpu_slots.take(snakemake.resources.gpu)

    from nasturtium.jobs import runtime
    from nasturtium.records.runs import Run
    from nasturtium.stages import retrained

    runtime.configure(snakemake.threads)
    retrained.run(
        Run(snakemake.wildcards.dataset, int(snakemake.wildcards.seed), snakemake.params.run),
        trials=snakemake.input.trials,
        trial=snakemake.wildcards.trial,
        data_folder=Path(snakemake.input.data[0]).parent,
        split=snakemake.input.split,
        folder=Path(snakemake.output.model).parent,
        settings=snakemake.params.settings,
        code=snakemake.params.code,
    )
