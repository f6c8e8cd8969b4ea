"""Rule summary: all runs in one table, and which nets to take."""

from nasturtium.jobs.script import planned

with planned(snakemake, "summarise"):
    from nasturtium.stages import summarise

    summarise.run(
        snakemake.input.metrics,
        predictions=snakemake.input.predictions,
        trials=snakemake.input.trials,
        latencies=snakemake.input.latencies,
        table=snakemake.output.table,
        text=snakemake.output.text,
        answer=snakemake.output.answer,
        verdicts=snakemake.output.verdicts,
        devices=snakemake.params.devices,
        code=snakemake.params.code,
    )
