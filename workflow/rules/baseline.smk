rule baseline:
    input:
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        model="results/{dataset}/seed{seed}/baseline/model.keras",
        training="results/{dataset}/seed{seed}/baseline/training.parquet",
        energy="results/{dataset}/seed{seed}/baseline/energy.parquet",
        power="results/{dataset}/seed{seed}/baseline/power.parquet",
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
