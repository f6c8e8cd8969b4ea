"""Stage ``measure``: the one measurer for the model of any run, in a separate process."""

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from nasturtium import metering
from nasturtium.data import prepared
from nasturtium.data.sources import file_sha256
from nasturtium.data.splits import split_indices, test_data, training_data
from nasturtium.deployment.measured import measure_deployed
from nasturtium.jobs.job import Job
from nasturtium.measurement.activations import calculated_memory
from nasturtium.measurement.energy import (
    energy_columns,
    measure_energy,
    measure_file_energy,
    window_columns,
)
from nasturtium.measurement.gpu_memory import measure_gpu_memory
from nasturtium.measurement.inference_form import inference_file
from nasturtium.measurement.latency import measure_latency, measure_throughput
from nasturtium.measurement.linear import linear_prediction
from nasturtium.measurement.machine import describe_machine
from nasturtium.measurement.macs import count_macs
from nasturtium.measurement.quality import (
    constant_prediction,
    measure_quality,
    measure_uncertainty,
    predict,
    sample_columns,
    split_quality,
    training_quality,
)
from nasturtium.measurement.size import measure_size
from nasturtium.measurement.sparse_bytes import sparse_bytes
from nasturtium.measurement.tflite import measure_tflite
from nasturtium.metering.energy_file import stored_energy
from nasturtium.records.compaction import FACTS
from nasturtium.records.latency import LITE
from nasturtium.records.metrics import METRICS
from nasturtium.records.parquet import count_rows, read_rows
from nasturtium.records.predictions import PREDICTIONS
from nasturtium.records.runs import BASELINE

_CHOSEN_BY = ("samples", "loss", "accuracy", "mae", "rmse")


def run(job: Job) -> None:
    """Measure the ``model.keras`` of the run; write ``metrics``, ``predictions``, its TFLite files.

    Memory is measured first, while only the model is loaded; the test split is read last. The
    settings have the section ``measure``.
    """
    run, measure, model_path = job.run, job.settings["measure"], job.folder / "model.keras"
    with inference_file(model_path) as form:
        memory = measure_gpu_memory(form.path, batch_size=1)
        model = form.model()
        size = measure_size(model, form.path)
    macs, macs_reason = count_macs(model)
    memory_bytes = calculated_memory(model)
    latency = measure_latency(model, measure["warm_up_runs"], measure["latency_runs"])
    throughput = measure_throughput(
        model, measure["throughput_batch_size"], measure["throughput_runs"]
    )
    files: dict[str, bytes] = {}
    tflite = measure_tflite(model, measure["warm_up_runs"], measure["latency_runs"], files)
    with metering.session(synchronise=tf.test.experimental.sync_devices, idle_s=0) as meter:
        batch_size = measure["throughput_batch_size"]
        energy = {
            **energy_columns("inference_energy", measure_energy(model, batch_size, meter, measure)),
            **energy_columns("single_inference_energy", measure_energy(model, 1, meter, measure)),
        }
    making = stored_energy(job.folder / "energy.parquet", "job")
    data = prepared.read(job.data_folder)
    classes = data.description.classes
    test = test_data(data, job.split)
    seen = training_data(data, job.split)
    train, validation = seen.train, seen.validation
    outputs = predict(model, test.features)
    validation_outputs = predict(model, validation.features)
    deployed, int8_outputs = measure_deployed(
        model, train.features, test, outputs, classes, measure, files
    )
    row = {
        "stage": run.stage,
        "method": run.method,
        "ratio": run.ratio,
        "task": data.description.task,
        "target_unit": data.description.target_unit,
        "model_sha256": file_sha256(model_path),
        **split_quality("validation", validation_outputs, validation.targets, classes, _CHOSEN_BY),
        **measure_quality(outputs, test.targets, classes),
        **measure_uncertainty(outputs, test.targets, classes),
        **training_quality(model, train.features, train.targets, classes),
        **constant_prediction(train.targets, test.targets, classes),
        **(linear_prediction(train, test, classes) if run.name == BASELINE else {}),
        **size,
        **sparse_bytes(model),
        **tflite,
        **deployed,
        **_compaction_facts(job),
        "macs": macs,
        "macs_reason": macs_reason,
        **memory_bytes,
        **memory,
        **latency,
        **throughput,
        **energy,
        **window_columns("job_energy", making),
        **measure_file_energy(files, measure),
        "job_duration_s": making.duration_s,
        "job_epochs": count_rows(job.folder / "training.parquet"),
        **describe_machine(),
    }
    of_int8 = {}
    if int8_outputs is not None:
        predicted = sample_columns(int8_outputs, test.targets, classes)["prediction"]
        of_int8["int8_prediction"] = predicted
    answers = [
        *_answers(
            "validation", job.split, sample_columns(validation_outputs, validation.targets, classes)
        ),
        *_answers("test", job.split, {**sample_columns(outputs, test.targets, classes), **of_int8}),
    ]
    # Last, so that there is never a table of figures without its predictions.
    lite = [{"form": form, "content": content} for form, content in files.items()]
    job.write_table("lite.parquet", LITE, lite)
    job.write_table("predictions.parquet", PREDICTIONS, answers)
    job.write_table("metrics.parquet", METRICS, [row])


def _answers(name: str, split: Path, columns: Mapping) -> list[dict]:
    """Rows of ``predictions.parquet`` for the samples of one split."""
    samples = {"index": split_indices(split, name), **columns}
    return [
        {"split": name, **dict(zip(samples, sample, strict=True))}
        for sample in zip(*samples.values(), strict=True)
    ]


def _compaction_facts(job: Job) -> dict[str, object]:
    """What the run's own job recorded about its compaction; empty if it prunes nothing."""
    if not job.run.is_compacted:
        return {}
    (row,) = read_rows(job.folder / "compaction.parquet")
    return {field.name: row[field.name] for field in FACTS}
