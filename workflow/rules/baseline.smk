rule baseline:
    input:
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        **run_outputs("baseline"),
    log:
        "logs/{dataset}/seed{seed}/baseline.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/baseline.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
    params:
        run="baseline",
        settings=plan.settings("baseline"),
        code=stage_code("baseline"),
    script:
        "../scripts/baseline.py"
