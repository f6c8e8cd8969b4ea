"""Rules nas and nas_with_pruning: search, or collect what workers found; export the best trial."""

from pathlib import Path

from nasturtium.jobs.logs import job

with job(snakemake.log[0]):
    from nasturtium.jobs import gpu_slots

    gpu_slots.take(snakemake.resources.gpu)

    from nasturtium.jobs import runtime
    from nasturtium.records.runs import Run
    from nasturtium.stages import nas

    runtime.configure(snakemake.threads)
    task = nas.Task(
        Run(snakemake.wildcards.dataset, int(snakemake.wildcards.seed), snakemake.params.run),
        baseline=snakemake.input.baseline,
        baseline_energy=snakemake.input.baseline_energy,
        data_folder=Path(snakemake.input.data[0]).parent,
        split=snakemake.input.split,
        settings=snakemake.params.settings,
        code=snakemake.params.code,
    )
    places = Path(snakemake.output.model).parent, snakemake.params.state
    if snakemake.input.workers:
        nas.gather(task, *places, workers=len(snakemake.input.workers))
    else:
        nas.run(task, *places)
