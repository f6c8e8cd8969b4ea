"""Rule latency: the TFLite files of a seed's runs, in turn with the baseline's."""

from nasturtium.jobs.script import planned

with planned(snakemake, "latency", loads_tensorflow=True, threads=1):
    from nasturtium.records.runs import Run
    from nasturtium.stages import latency

    dataset, seed = snakemake.wildcards.dataset, int(snakemake.wildcards.seed)
    latency.run(
        [Run(dataset, seed, name) for name in snakemake.params.runs],
        files=snakemake.input.files,
        output=snakemake.output[0],
        threads=1,
        code=snakemake.params.code,
    )
