rule baseline:
    input:
        data=rules.prepare_data.output,
    output:
        model="results/{dataset}/seed{seed}/baseline/model.keras",
        training="results/{dataset}/seed{seed}/baseline/training.parquet",
    log:
        "logs/{dataset}/seed{seed}/baseline.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/baseline.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: config["threads"]
    resources:
        gpu=1,
    params:
        run="baseline",
        settings=stage_settings("baseline"),
        code=stage_code("baseline"),
    script:
        "../scripts/baseline.py"
