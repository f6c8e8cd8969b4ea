# Trained nets, trained further with int8 rounding.
rule quantised:
    input:
        model="results/{dataset}/seed{seed}/baseline/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("quantised"),
    log:
        "logs/{dataset}/seed{seed}/quantised.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/quantised.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="quantised",
        settings=plan.settings("quantised"),
        code=stage_code("quantised"),
    script:
        "../scripts/quantised.py"


use rule quantised as pruned_quantised with:
    input:
        model="results/{dataset}/seed{seed}/pruned/{method}-{ratio}/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("pruned_quantised/{method}-{ratio}"),
    log:
        "logs/{dataset}/seed{seed}/pruned_quantised/{method}-{ratio}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/pruned_quantised/{method}-{ratio}.tsv"
    params:
        run="pruned_quantised/{method}-{ratio}",
        settings=plan.settings("quantised"),
        code=stage_code("quantised"),


use rule quantised as nas_quantised with:
    input:
        model="results/{dataset}/seed{seed}/nas/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("nas_quantised"),
    log:
        "logs/{dataset}/seed{seed}/nas_quantised.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/nas_quantised.tsv"
    params:
        run="nas_quantised",
        settings=plan.settings("quantised"),
        code=stage_code("quantised"),


use rule quantised as nas_with_pruning_quantised with:
    input:
        model="results/{dataset}/seed{seed}/nas_with_pruning/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("nas_with_pruning_quantised"),
    log:
        "logs/{dataset}/seed{seed}/nas_with_pruning_quantised.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/nas_with_pruning_quantised.tsv"
    params:
        run="nas_with_pruning_quantised",
        settings=plan.settings("quantised"),
        code=stage_code("quantised"),
