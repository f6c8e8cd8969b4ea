"""Rule deployed_onnx: a run's model as an ONNX file."""

from nasturtium.jobs.script import started

with started(snakemake, "deployed_onnx") as job:
    from nasturtium.stages import deployed_onnx

    deployed_onnx.run(job)
