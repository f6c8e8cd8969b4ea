"""Stage ``deployed``: the files for using a measured run elsewhere, besides its int8 file."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from nasturtium.data import prepared
from nasturtium.data.splits import stored_fill, stored_words
from nasturtium.deployment.bare_net import without_frame
from nasturtium.deployment.card import card
from nasturtium.deployment.predictor import CARD, FLOAT32, INT8, describe_model
from nasturtium.deployment.scaling import Scaling
from nasturtium.errors import MeasurementError
from nasturtium.jobs.job import Job
from nasturtium.measurement.inference_form import load_inference_form
from nasturtium.measurement.tflite import convert
from nasturtium.records.atomic import atomic_path
from nasturtium.records.checksums import write_json
from nasturtium.records.parquet import read_rows


def run(job: Job) -> None:
    """Write ``model_float32.tflite``, ``model.json`` and ``card.md`` to the job's folder.

    That folder is in the run's folder, from which model and tables are read.

    Raises
    ------
    MeasurementError
        The model has no TFLite file, or a different one than was measured.
    """
    run, folder = job.run, job.folder
    metrics, model_path = folder.parent / "metrics.parquet", folder.parent / "model.keras"
    (row,) = read_rows(metrics)
    if row["tflite_sha256"] is None:
        raise MeasurementError(
            f"{model_path}: has no TFLite file ({row['tflite_reason']}); use the model itself."
        )
    model = load_inference_form(model_path)
    content = convert(model)
    check_measured(content, row["tflite_sha256"], metrics)
    source = prepared.read_card(job.data_folder)
    data = prepared.read(job.data_folder)
    description, words = data.description, stored_words(job.split, data)
    described = describe_model(description, stored_fill(job.split), words)
    bare = without_frame(model)
    files = {FLOAT32: _file(row["tflite_sha256"], Scaling(), Scaling())}
    if row["tflite_int8_sha256"] is not None:
        files[INT8] = _file(row["tflite_int8_sha256"], bare.standardise, bare.restore)
    answers = read_rows(folder.parent / "predictions.parquet")
    tested = [answer for answer in answers if answer["split"] == "test"]
    text = card(row, tested, description, described["input"], source["sources_sha256"])
    write(folder / FLOAT32, content)
    known = {"format": 1, **run.identity, **described, "files": files}
    write_json(folder / CARD, known)
    write(folder / "card.md", text.encode())


def check_measured(content: bytes, sha256: str, metrics: str | Path) -> None:
    """Raise MeasurementError unless ``content`` is the file that was measured for ``metrics``."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise MeasurementError(
            f"{metrics}: has the figures of another TFLite file, perhaps from another TensorFlow; "
            "measure the run again (--forcerun measure)."
        )


def write(path: Path, content: bytes) -> None:
    """Write one file, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _file(sha256: str, standardise: Scaling, restore: Scaling) -> Mapping[str, object]:
    return {"sha256": sha256, "input": asdict(standardise), "output": asdict(restore)}
