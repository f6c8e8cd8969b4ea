"""Stage ``deployed_int8``: the full-integer file of a measured run, and C for a microcontroller."""

from nasturtium.deployment import micro_source
from nasturtium.deployment.bare_net import vocabulary
from nasturtium.deployment.convert import convert_full_integer
from nasturtium.deployment.predictor import INT8
from nasturtium.errors import MeasurementError
from nasturtium.jobs.job import Job
from nasturtium.measurement.inference_form import load_inference_form
from nasturtium.records.parquet import read_rows
from nasturtium.stages.deployed import check_measured, write


def run(job: Job) -> None:
    """Write ``model_int8.tflite``, ``model_int8.h`` and ``predict.cc`` to the job's folder.

    That folder is in the run's folder, from which model and tables are read.

    Raises
    ------
    MeasurementError
        The model has no full-integer file, or a different one than was measured.
    """
    metrics, model_path = job.folder.parent / "metrics.parquet", job.folder.parent / "model.keras"
    (row,) = read_rows(metrics)
    if row["tflite_int8_sha256"] is None:
        raise MeasurementError(
            f"{model_path}: has no full-integer file ({row['tflite_int8_reason']}); use "
            "model_float32.tflite."
        )
    content, bare = convert_full_integer(load_inference_form(model_path), job.data().train.features)
    check_measured(content, row["tflite_int8_sha256"], metrics)
    origin = f"{job.run.label}, sha256 {row['tflite_int8_sha256']}; its card.md says what it is."
    tokens = vocabulary(bare.net)
    header = micro_source.header(content, bare.standardise, bare.restore, origin, tokens)
    example = micro_source.example(content, row["tflite_int8_arena_bytes"], tokens)
    write(job.folder / INT8, content)
    write(job.folder / "model_int8.h", header.encode())
    write(job.folder / "predict.cc", example.encode())
