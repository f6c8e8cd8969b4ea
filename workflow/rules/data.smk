rule prepare_data:
    output:
        features="results/data/{dataset}/features.npy",
        targets="results/data/{dataset}/targets.npy",
        card="results/data/{dataset}/dataset.json",
    log:
        "logs/{dataset}/prepare_data.log",
    benchmark:
        "logs/benchmarks/{dataset}/prepare_data.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    params:
        code=stage_code("prepare_data"),
    script:
        "../scripts/prepare_data.py"
