"""Measures what the objective needs: the reference values of the baseline, or a trial's values."""

import os
from collections.abc import Mapping
from functools import cached_property

import tf_keras as keras

from nasturtium.data.splits import TrainingData
from nasturtium.deployment.footprint import Footprint, measure_footprint
from nasturtium.measurement.activations import calculated_memory
from nasturtium.measurement.energy import energy_columns, measure_energy, window_columns
from nasturtium.measurement.gpu_memory import measure_gpu_memory_apart
from nasturtium.measurement.inference_form import inference_file
from nasturtium.measurement.latency import measure_latency
from nasturtium.measurement.macs import count_macs
from nasturtium.measurement.paired_latency import paired_latency
from nasturtium.measurement.tflite import REFUSED, convert
from nasturtium.metering import Meter
from nasturtium.metering.energy_file import stored_energy
from nasturtium.models.files import load_model
from nasturtium.models.weights import count_weights
from nasturtium.records.trials import TRIALS
from nasturtium.training.fit import evaluate

_WARM_UP_RUNS = 20
# For one sample of a net this small, a GPU uses little more than for the launch; a batch shows the
# net's own work.
_ENERGY_BATCH = 256
_NO_TERM = "not a term of the objective"


class Measurer:
    """Measures the models of one search, the baseline in the same way as every trial.

    Parameters
    ----------
    meter
        The meter of the search's process.
    settings
        Section ``search``.
    baseline
        The baseline's model file, with which latencies are measured alternately; only read if
        latency counts.

    Attributes
    ----------
    baseline_latency_ms
        A trial's ratio is multiplied by it. A resumed search, or another worker, sets the value
        with which its reference was measured.
    """

    def __init__(self, meter: Meter, settings: Mapping, baseline: str | os.PathLike):
        self.meter = meter
        self._settings = settings
        self._baseline = baseline
        self.baseline_latency_ms: float | None = None
        self._footprints: dict[str, Footprint] = {}

    def saved(self, model: keras.Model, path: str | os.PathLike) -> dict[str, object]:
        """Size, memory, latency and inference energy of ``model``, whose file is ``path``.

        As columns of ``trials.parquet``, for the form in which the net is used, with folded
        BatchNormalization.
        """
        with inference_file(path, model) as form:
            return self._measured(form.model(), form.path)

    def _measured(self, model: keras.Model, path: str | os.PathLike) -> dict[str, object]:
        counts = count_weights(model)
        macs, macs_reason = count_macs(model)
        memory = measure_gpu_memory_apart(path, batch_size=1)
        latency = measure_latency(model, _WARM_UP_RUNS, self._settings["latency_runs"])
        return {
            "parameters": counts.parameters,
            "nonzero_parameters": counts.nonzero,
            "prunable_parameters": counts.prunable,
            "sparsity": counts.sparsity,
            "macs": macs,
            "macs_reason": macs_reason,
            **calculated_memory(model),
            "gpu_weights_bytes": memory["gpu_weights_bytes"],
            "gpu_inference_peak_bytes": memory["gpu_inference_peak_bytes"],
            "gpu_memory_method": memory["gpu_memory_method"],
            "gpu_memory_reason": memory["gpu_memory_reason"],
            "latency_p50_ms": latency["latency_p50_ms"],
            "latency_p95_ms": latency["latency_p95_ms"],
            **self._latency(model),
            **self._footprint(model),
            **self._inference_energy(model),
        }

    def reference(
        self,
        model: keras.Model,
        path: str | os.PathLike,
        energy_path: str | os.PathLike,
        data: TrainingData,
    ) -> tuple[dict[str, object], dict[str, str]]:
        """Values of the baseline by column, and the reason for each that is None.

        Parameters
        ----------
        model, path
            The baseline and its file.
        energy_path
            ``energy.parquet`` of its training.
        """
        values = self.saved(model, path)
        latency_reason = values.pop("tflite_latency_reason")
        judged = evaluate(model, data.description, data.validation)
        values["validation_loss"] = judged["loss"]
        values["validation_accuracy"], values["validation_mae"] = (
            judged.get("accuracy"),
            judged.get("mae"),
        )
        training = stored_energy(energy_path, "fit")
        # If the search itself can't be metered, no trial could be compared with the baseline.
        values["training_energy_j"] = training.energy_j if self.meter.can_measure else None
        reasons = {
            "macs": values["macs_reason"],
            "gpu_inference_peak_bytes": values["gpu_memory_reason"],
            "inference_energy_j": values["inference_energy_reason"],
            "tflite_latency_ms": latency_reason,
            "tflite_int8_bytes": values["tflite_int8_reason"],
            "tflite_int8_arena_bytes": values["tflite_int8_reason"],
            "training_energy_j": self.meter.reason or training.reason,
        }
        return values, {name: reason for name, reason in reasons.items() if reason}

    def fit_energy(self, trial: str) -> dict[str, object]:
        """Joules of the trial's latest fit."""
        energy = self.meter.energy(self.meter.closed_windows("fit", trial)[-1])
        return window_columns("training_energy", energy)

    @cached_property
    def _baseline_file(self) -> bytes:
        return convert(load_model(self._baseline))

    def _latency(self, model: keras.Model) -> dict[str, object]:
        """TFLite's latency in milliseconds, from its ratio to the baseline's at the same time.

        A process's first measurement sets the baseline's latency; all later ones are ratios to it,
        so that a slower machine changes no score.
        """
        if not self._latency_counts:
            return {"tflite_latency_ms": None, "tflite_latency_reason": _NO_TERM}
        try:
            measured = paired_latency(convert(model), self._baseline_file)
        except REFUSED as error:
            reason = f"{type(error).__name__}: no TFLite file, or it can't be run"
            return {"tflite_latency_ms": None, "tflite_latency_reason": reason}
        if self.baseline_latency_ms is None:
            self.baseline_latency_ms = measured.reference_ms
        latency_ms = measured.ratio * self.baseline_latency_ms
        return {"tflite_latency_ms": latency_ms, "tflite_latency_reason": None}

    @property
    def _latency_counts(self) -> bool:
        return "latency" in self._asked()

    def _footprint(self, model: keras.Model) -> dict[str, object]:
        """Flash and RAM of the int8 file, if anything needs them, since it takes a second."""
        if not {"int8_flash", "int8_ram"} & self._asked():
            return {"tflite_int8_reason": "neither in the objective nor limited nor minimised"}
        needed = self.footprint(model)
        return {
            "tflite_int8_bytes": needed.flash_bytes,
            "tflite_int8_arena_bytes": needed.ram_bytes,
            "tflite_int8_reason": needed.reason,
        }

    def footprint(self, model: keras.Model) -> Footprint:
        """Flash and RAM of the int8 file, which do not depend on the weights: measured once."""
        shape = model.to_json()
        if shape not in self._footprints:
            self._footprints = {shape: measure_footprint(model)}
        return self._footprints[shape]

    def _asked(self) -> set[str]:
        settings = self._settings
        weighted = {term for term, weight in settings["objective"].items() if weight}
        aims = settings.get("pareto", {}).get("objectives", [])
        return {*weighted, *settings.get("constraints", {}), *aims}

    def _inference_energy(self, model: keras.Model) -> dict[str, object]:
        if "inference_energy" not in self._asked():
            return {"inference_energy_method": "none", "inference_energy_reason": _NO_TERM}
        energy = measure_energy(model, _ENERGY_BATCH, self.meter, self._settings)
        columns = energy_columns("inference_energy", energy)
        return {name: columns[name] for name in TRIALS.names if name in columns}
