rule nas:
    input:
        baseline=rules.baseline.output.model,
        baseline_energy=rules.baseline.output.energy,
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        model="results/{dataset}/seed{seed}/nas/model.keras",
        trials="results/{dataset}/seed{seed}/nas/trials.parquet",
        training="results/{dataset}/seed{seed}/nas/training.parquet",
        energy="results/{dataset}/seed{seed}/nas/energy.parquet",
        power="results/{dataset}/seed{seed}/nas/power.parquet",
    log:
        "logs/{dataset}/seed{seed}/nas.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/nas.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: config["threads"]
    resources:
        gpu=1,
    params:
        run="nas",
        state="state/{dataset}/seed{seed}/nas",
        settings=stage_settings("nas"),
        code=stage_code("nas"),
    script:
        "../scripts/nas.py"


use rule nas as nas_with_pruning with:
    output:
        model="results/{dataset}/seed{seed}/nas_with_pruning/model.keras",
        trials="results/{dataset}/seed{seed}/nas_with_pruning/trials.parquet",
        training="results/{dataset}/seed{seed}/nas_with_pruning/training.parquet",
        compaction="results/{dataset}/seed{seed}/nas_with_pruning/compaction.parquet",
        energy="results/{dataset}/seed{seed}/nas_with_pruning/energy.parquet",
        power="results/{dataset}/seed{seed}/nas_with_pruning/power.parquet",
    log:
        "logs/{dataset}/seed{seed}/nas_with_pruning.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/nas_with_pruning.tsv"
    params:
        run="nas_with_pruning",
        state="state/{dataset}/seed{seed}/nas_with_pruning",
        settings=stage_settings("nas_with_pruning"),
        code=stage_code("nas"),
