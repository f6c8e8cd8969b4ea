"""Rule search_worker: one of several processes that run the trials of a search together."""

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
    worker, state = int(snakemake.wildcards.worker), snakemake.params.state
    storage, done = snakemake.params.storage, snakemake.output.done
    nas.work(task, worker=worker, state=state, storage=storage, done=done)
