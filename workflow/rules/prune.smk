rule pruned:
    input:
        model=rules.baseline.output.model,
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("pruned/{method}-{ratio}", "compaction"),
    log:
        "logs/{dataset}/seed{seed}/pruned/{method}-{ratio}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/pruned/{method}-{ratio}.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="pruned/{method}-{ratio}",
        settings=plan.settings("pruned"),
        code=stage_code("pruned"),
    script:
        "../scripts/pruned.py"


use rule pruned as nas_pruned with:
    input:
        model="results/{dataset}/seed{seed}/nas/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("nas_pruned/{method}-{ratio}", "compaction"),
    log:
        "logs/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}.tsv"
    params:
        run="nas_pruned/{method}-{ratio}",
        settings=plan.settings("pruned"),
        code=stage_code("pruned"),


use rule pruned as retrained_pruned with:
    input:
        model="results/{dataset}/seed{seed}/retrained/{search}-{trial}/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs(
            "retrained_pruned/{search}-{trial}/{method}-{ratio}", "compaction"
        ),
    log:
        "logs/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}.tsv"
    params:
        run="retrained_pruned/{search}-{trial}/{method}-{ratio}",
        settings=plan.settings("pruned"),
        code=stage_code("pruned"),
