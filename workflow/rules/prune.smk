rule pruned:
    input:
        model=rules.baseline.output.model,
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        model="results/{dataset}/seed{seed}/pruned/{method}-{ratio}/model.keras",
        training="results/{dataset}/seed{seed}/pruned/{method}-{ratio}/training.parquet",
        compaction="results/{dataset}/seed{seed}/pruned/{method}-{ratio}/compaction.parquet",
        energy="results/{dataset}/seed{seed}/pruned/{method}-{ratio}/energy.parquet",
        power="results/{dataset}/seed{seed}/pruned/{method}-{ratio}/power.parquet",
    log:
        "logs/{dataset}/seed{seed}/pruned/{method}-{ratio}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/pruned/{method}-{ratio}.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: config["threads"]
    resources:
        gpu=1,
    params:
        run="pruned/{method}-{ratio}",
        settings=stage_settings("pruned"),
        code=stage_code("pruned"),
    script:
        "../scripts/pruned.py"


use rule pruned as nas_pruned with:
    input:
        model="results/{dataset}/seed{seed}/nas/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        model="results/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}/model.keras",
        training="results/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}/training.parquet",
        compaction="results/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}/compaction.parquet",
        energy="results/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}/energy.parquet",
        power="results/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}/power.parquet",
    log:
        "logs/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/nas_pruned/{method}-{ratio}.tsv"
    params:
        run="nas_pruned/{method}-{ratio}",
        settings=stage_settings("pruned"),
        code=stage_code("pruned"),


use rule pruned as retrained_pruned with:
    input:
        model="results/{dataset}/seed{seed}/retrained/{search}-{trial}/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        model="results/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}/model.keras",
        training="results/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}/training.parquet",
        compaction="results/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}/compaction.parquet",
        energy="results/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}/energy.parquet",
        power="results/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}/power.parquet",
    log:
        "logs/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/retrained_pruned/{search}-{trial}/{method}-{ratio}.tsv"
    params:
        run="retrained_pruned/{search}-{trial}/{method}-{ratio}",
        settings=stage_settings("pruned"),
        code=stage_code("pruned"),
