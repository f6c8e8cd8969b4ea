rule prepare_data:
    input:
        plan.own_files,
    output:
        features="results/data/{dataset}/features.npy",
        targets="results/data/{dataset}/targets.npy",
        order="results/data/{dataset}/order.npy",
        card="results/data/{dataset}/dataset.json",
    log:
        "logs/{dataset}/prepare_data.log",
    benchmark:
        "logs/benchmarks/{dataset}/prepare_data.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    params:
        own=plan.own_description,
        own_folder=plan.own_folder,
        code=stage_code("prepare_data"),
    script:
        "../scripts/prepare_data.py"


rule split_data:
    input:
        data=rules.prepare_data.output,
    output:
        split="results/data/{dataset}/seed{seed}.split.npz",
        card="results/data/{dataset}/seed{seed}.split.json",
    log:
        "logs/{dataset}/seed{seed}/split_data.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/split_data.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    params:
        settings=plan.settings("split_data"),
        code=stage_code("split_data"),
    script:
        "../scripts/split_data.py"
