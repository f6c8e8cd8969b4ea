rule summary:
    input:
        metrics=all_metrics,
    output:
        table="results/summary.parquet",
        text="results/summary.md",
    log:
        "logs/summary.log",
    benchmark:
        "logs/benchmarks/summary.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    params:
        code=stage_code("summarise"),
    script:
        "../scripts/summarise.py"
