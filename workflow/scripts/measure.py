"""Rule measure: one saved model, in this process and no other."""

from pathlib import Path

from nasturtium.jobs.logs import job

with job(snakemake.log[0]):
    from nasturtium.jobs import gpu_slots

    gpu_slots.take(snakemake.resources.gpu)

    from nasturtium.jobs import runtime
    from nasturtium.records.runs import Run
    from nasturtium.stages import measure

    runtime.configure(snakemake.threads)
    wildcards = snakemake.wildcards
    measure.run(
        Run(wildcards.dataset, int(wildcards.seed), wildcards.run),
        model_path=snakemake.input.model,
        energy_path=snakemake.input.energy,
        compaction_path=snakemake.input.get("compaction"),
        data_folder=Path(snakemake.input.data[0]).parent,
        split=snakemake.input.split,
        output=snakemake.output.metrics,
        predictions=snakemake.output.predictions,
        settings=snakemake.params.settings,
        code=snakemake.params.code,
    )
