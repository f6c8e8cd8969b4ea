"""Rule summary: all runs in one table, and which nets to take."""

from nasturtium.jobs.logs import logged

with logged(snakemake.log[0]):
    from nasturtium.stages import summarise

    summarise.run(
        snakemake.input.metrics,
        predictions=snakemake.input.predictions,
        trials=snakemake.input.trials,
        table=snakemake.output.table,
        text=snakemake.output.text,
        answer=snakemake.output.answer,
        verdicts=snakemake.output.verdicts,
        code=snakemake.params.code,
    )
