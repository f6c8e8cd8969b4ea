rule measure:
    input:
        unpack(compaction_of_run),
        model="results/{dataset}/seed{seed}/{run}/model.keras",
        energy="results/{dataset}/seed{seed}/{run}/energy.parquet",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        metrics="results/{dataset}/seed{seed}/{run}/metrics.parquet",
        predictions="results/{dataset}/seed{seed}/{run}/predictions.parquet",
        lite="results/{dataset}/seed{seed}/{run}/lite.parquet",
    log:
        "logs/{dataset}/seed{seed}/{run}.measure.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/{run}.measure.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    # It computes with one thread: latencies on a CPU are comparable only with the same number of
    # threads. What it asks for keeps other jobs away.
    threads: measuring_threads
    resources:
        gpu=1,
    params:
        run="{run}",
        settings=plan.settings("measure"),
        code=stage_code("measure"),
    script:
        "../scripts/measure.py"


# One process for all runs of a seed: a latency is meaningful only relative to the baseline's.
rule latency:
    input:
        files=plan.lite,
    output:
        "results/{dataset}/seed{seed}/latency.parquet",
    log:
        "logs/{dataset}/seed{seed}/latency.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/latency.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: measuring_threads
    resources:
        gpu=1,
    params:
        runs=plan.names,
        code=stage_code("latency"),
    script:
        "../scripts/latency.py"
