"""Energy of one sample, at batch 1 and in large batches."""

from collections.abc import Mapping, Sequence

import tf_keras as keras

from nasturtium import metering
from nasturtium.measurement.latency import inference_function, random_batch
from nasturtium.metering import InferenceEnergy, Meter, WindowEnergy
from nasturtium.metering.devices import rapl
from nasturtium.metering.sources import Source
from nasturtium.models.lite import Interpreter
from nasturtium.records.latency import FORMS
from nasturtium.records.metrics import OF_A_FILE

_FILE_WINDOW_S = 1.0


def measure_energy(
    model: keras.Model, batch_size: int, meter: Meter, settings: Mapping
) -> InferenceEnergy:
    """Joules per sample of ``model`` in batches of ``batch_size``.

    Nothing is run if nothing can be measured.

    Parameters
    ----------
    settings
        ``energy_window_s`` and ``energy_repeats``.
    """
    call = inference_function(model, batch_size)
    batch = random_batch(model, batch_size)
    return metering.measure_inference(
        lambda: call(batch),
        batch_size,
        meter=meter,
        key=f"batch {batch_size}",
        window_s=settings["energy_window_s"],
        repeats=settings["energy_repeats"],
    )


def measure_file_energy(
    files: Mapping[str, bytes], settings: Mapping, sources: Sequence[Source] | None = None
) -> dict[str, float | str | None]:
    """Joules per call of each TFLite file at batch 1, in columns of ``metrics.parquet``.

    TFLite runs on one CPU thread, so only CPU packages are read and no GPU. Their counters are
    updated every millisecond, so windows can be shorter than for a GPU. The call from Python is
    included.

    Parameters
    ----------
    files
        By the prefix of their columns; missing files are null, with the reason.
    sources
        Used instead of this machine's CPU packages.
    """
    reason = "no source of energy readings was given"
    if sources is None:
        sources, reason = rapl.open_sources()
    none = {name: InferenceEnergy(1, reason="there is no such file") for name in FORMS}
    if not sources:
        found = {**none, **{name: InferenceEnergy(1, reason=reason) for name in files}}
    else:
        with metering.session(synchronise=lambda: None, sources=sources, idle_s=0) as meter:
            found = {
                **none,
                **{name: _of_file(files[name], name, meter, settings) for name in files},
            }
    # Columns that are left out are the same for every file: one sample per call, one device.
    return {
        f"{name}_energy_{end}": energy_columns("", found[name])[f"_{end}"]
        for name in FORMS
        for end in OF_A_FILE
    }


def _of_file(content: bytes, name: str, meter: Meter, settings: Mapping) -> InferenceEnergy:
    return metering.measure_inference(
        Interpreter(content).invoke,
        1,
        meter=meter,
        key=name,
        window_s=min(settings["energy_window_s"], _FILE_WINDOW_S),
        repeats=settings["energy_repeats"],
        warm_up_s=_FILE_WINDOW_S / 2,
        idle_s=_FILE_WINDOW_S,
    )


def energy_columns(prefix: str, energy: InferenceEnergy) -> dict[str, float | int | str | None]:
    """Columns of ``metrics.parquet`` that begin with ``prefix``."""
    return {
        f"{prefix}_j": energy.joules_per_sample_mean,
        f"{prefix}_sd_j": energy.joules_per_sample_sd,
        f"{prefix}_net_j": energy.net_joules_per_sample_mean,
        f"{prefix}_net_sd_j": energy.net_joules_per_sample_sd,
        f"{prefix}_idle_power_w": energy.idle_power_w,
        f"{prefix}_repeats": energy.n_windows,
        f"{prefix}_batch_size": energy.samples_per_call,
        f"{prefix}_method": energy.method,
        f"{prefix}_quality": energy.quality,
        f"{prefix}_reason": energy.reason,
    }


def window_columns(prefix: str, energy: WindowEnergy) -> dict[str, float | str | None]:
    """Columns of a job's, a fit's or a trial's joules that begin with ``prefix``."""
    return {
        f"{prefix}_j": energy.energy_j,
        f"{prefix}_method": energy.method,
        f"{prefix}_quality": energy.quality,
        f"{prefix}_reason": energy.reason,
    }
