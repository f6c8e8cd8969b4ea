"""Rule summary: all runs in one table, shown on the terminal too."""

from nasturtium.jobs.logs import job, logger

with job(snakemake.log[0]):
    from nasturtium.stages import summarise

    text = summarise.run(
        snakemake.input.metrics,
        predictions=snakemake.input.predictions,
        table=snakemake.output.table,
        text=snakemake.output.text,
        code=snakemake.params.code,
    )
    logger.info("\n%s", text)
