"""Rules nas, nas_with_pruning, random_search: search, or collect what workers found."""

from nasturtium.jobs.script import started

with started(snakemake, "nas") as job:
    from nasturtium.stages import nas

    given, state = snakemake.input, snakemake.params.state
    task = nas.Task(job, given.baseline, given.baseline_energy, given.baseline_training)
    if given.get("workers"):
        nas.gather(task, state, workers=len(given.workers))
    else:
        nas.run(task, state)
