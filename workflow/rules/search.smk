rule nas:
    input:
        workers=ended_workers("nas"),
        baseline=rules.baseline.output.model,
        baseline_energy=rules.baseline.output.energy,
        baseline_training=rules.baseline.output.training,
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **search_outputs("nas{objective}"),
    log:
        "logs/{dataset}/seed{seed}/nas{objective}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/nas{objective}.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="nas{objective}",
        # Not an output: Snakemake would delete it before an interrupted search can continue.
        state="state/{dataset}/seed{seed}/nas{objective}",
        settings=plan.search_settings("nas"),
        code=stage_code("nas"),
    script:
        "../scripts/nas.py"


use rule nas as nas_with_pruning with:
    input:
        workers=ended_workers("nas_with_pruning"),
        baseline=rules.baseline.output.model,
        baseline_energy=rules.baseline.output.energy,
        baseline_training=rules.baseline.output.training,
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **search_outputs("nas_with_pruning{objective}", "compaction"),
    log:
        "logs/{dataset}/seed{seed}/nas_with_pruning{objective}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/nas_with_pruning{objective}.tsv"
    params:
        run="nas_with_pruning{objective}",
        state="state/{dataset}/seed{seed}/nas_with_pruning{objective}",
        settings=plan.search_settings("nas_with_pruning"),
        code=stage_code("nas"),


# Control: the same search with random nets.
use rule nas as random_search with:
    input:
        baseline=rules.baseline.output.model,
        baseline_energy=rules.baseline.output.energy,
        baseline_training=rules.baseline.output.training,
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **search_outputs("random_search"),
    log:
        "logs/{dataset}/seed{seed}/random_search.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/random_search.tsv"
    params:
        run="random_search",
        state="state/{dataset}/seed{seed}/random_search",
        settings=plan.random_search_settings,
        code=stage_code("nas"),


# One of the processes that share a search, {search}: nas, nas_with_pruning or one with an objective.
rule search_worker:
    input:
        baseline=rules.baseline.output.model,
        baseline_energy=rules.baseline.output.energy,
        baseline_training=rules.baseline.output.training,
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        done=temp("results/{dataset}/seed{seed}/{search}/worker-{worker}.done"),
    log:
        "logs/{dataset}/seed{seed}/{search}.worker-{worker}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/{search}.worker-{worker}.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: worker_threads
    resources:
        gpu=training_gpus,
    params:
        run="{search}",
        state="state/{dataset}/seed{seed}/{search}",
        settings=plan.worker_settings,
        storage=plan.worker_storage,
        code=stage_code("nas"),
    script:
        "../scripts/search_worker.py"


# Any trial for the full budget: results/digits/seed0/retrained/nas-0003/metrics.parquet
rule retrained:
    input:
        trials="results/{dataset}/seed{seed}/{search}/trials.parquet",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("retrained/{search}-{trial}"),
    log:
        "logs/{dataset}/seed{seed}/retrained/{search}-{trial}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/retrained/{search}-{trial}.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="retrained/{search}-{trial}",
        settings=plan.settings("retrained"),
        code=stage_code("retrained"),
    script:
        "../scripts/retrained.py"
