# Controls, with which the results of pruning and searches are compared.
rule baseline_longer:
    input:
        model=rules.baseline.output.model,
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("baseline_longer"),
    log:
        "logs/{dataset}/seed{seed}/baseline_longer.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/baseline_longer.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="baseline_longer",
        settings=plan.settings("baseline_longer"),
        code=stage_code("baseline_longer"),
    script:
        "../scripts/baseline_longer.py"


rule scratch:
    input:
        model="results/{dataset}/seed{seed}/pruned/{method}-{ratio}/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("scratch/{method}-{ratio}"),
    log:
        "logs/{dataset}/seed{seed}/scratch/{method}-{ratio}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/scratch/{method}-{ratio}.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="scratch/{method}-{ratio}",
        settings=plan.settings("scratch"),
        code=stage_code("scratch"),
    script:
        "../scripts/scratch.py"


# The best of several baselines by the validation split, with the epochs of a search.
rule baseline_best_of_k:
    input:
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("baseline_best_of_k"),
    log:
        "logs/{dataset}/seed{seed}/baseline_best_of_k.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/baseline_best_of_k.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="baseline_best_of_k",
        nets=plan.seeds_for_a_search,
        settings=plan.settings("baseline_best_of_k"),
        code=stage_code("baseline_best_of_k"),
    script:
        "../scripts/baseline_best_of_k.py"


# The reference net, scaled to the size of the net that the search found.
rule scaled:
    input:
        found="results/{dataset}/seed{seed}/nas/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("scaled"),
    log:
        "logs/{dataset}/seed{seed}/scaled.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/scaled.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="scaled",
        settings=plan.settings("scaled"),
        code=stage_code("scaled"),
    script:
        "../scripts/scaled.py"
