# Files for using any measured run elsewhere; made on request.
rule deploy:
    input:
        plan.deployed,


rule deployed:
    input:
        model="results/{dataset}/seed{seed}/{run}/model.keras",
        metrics="results/{dataset}/seed{seed}/{run}/metrics.parquet",
        predictions="results/{dataset}/seed{seed}/{run}/predictions.parquet",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        float32="results/{dataset}/seed{seed}/{run}/deployed/model_float32.tflite",
        description="results/{dataset}/seed{seed}/{run}/deployed/model.json",
        card="results/{dataset}/seed{seed}/{run}/deployed/card.md",
    log:
        "logs/{dataset}/seed{seed}/{run}.deployed.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/{run}.deployed.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    # As in the measurement, so that the file is the same, byte for byte.
    threads: 1
    resources:
        gpu=0,
    params:
        run="{run}",
        settings={},
        code=stage_code("deployed"),
    script:
        "../scripts/deployed.py"


# A separate rule: a net without a full-integer form still has the other files.
rule deployed_int8:
    input:
        model="results/{dataset}/seed{seed}/{run}/model.keras",
        metrics="results/{dataset}/seed{seed}/{run}/metrics.parquet",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
        beside=rules.deployed.output,
    output:
        int8="results/{dataset}/seed{seed}/{run}/deployed/model_int8.tflite",
        header="results/{dataset}/seed{seed}/{run}/deployed/model_int8.h",
        example="results/{dataset}/seed{seed}/{run}/deployed/predict.cc",
    log:
        "logs/{dataset}/seed{seed}/{run}.deployed_int8.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/{run}.deployed_int8.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: 1
    resources:
        gpu=0,
    params:
        run="{run}",
        settings={},
        code=stage_code("deployed_int8"),
    script:
        "../scripts/deployed_int8.py"


rule deployed_onnx:
    input:
        model="results/{dataset}/seed{seed}/{run}/model.keras",
        data=rules.prepare_data.output,
        split=rules.split_data.output.split,
    output:
        onnx="results/{dataset}/seed{seed}/{run}/deployed/model.onnx",
    log:
        "logs/{dataset}/seed{seed}/{run}.deployed_onnx.log",
    benchmark:
        "logs/benchmarks/{dataset}/seed{seed}/{run}.deployed_onnx.tsv"
    conda:
        "../../envs/nasturtium.yaml"
    threads: 1
    resources:
        gpu=0,
    params:
        run="{run}",
        settings={},
        code=stage_code("deployed_onnx"),
    script:
        "../scripts/deployed_onnx.py"
