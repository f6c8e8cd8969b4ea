"""Stage ``deployed_onnx``: the model of a run as an ONNX file."""

from nasturtium.deployment.onnx_file import convert_onnx
from nasturtium.jobs.job import Job
from nasturtium.measurement.inference_form import load_inference_form
from nasturtium.records.atomic import atomic_path

_COMPARED = 500


def run(job: Job) -> None:
    """Write ``model.onnx`` to the job's folder, after comparing it with the run's model."""
    model = load_inference_form(job.folder.parent / "model.keras")
    content = convert_onnx(model, job.data().train.features[:_COMPARED])
    with atomic_path(job.folder / "model.onnx") as temporary:
        temporary.write_bytes(content)
