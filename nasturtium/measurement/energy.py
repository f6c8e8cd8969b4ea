"""Energy of one sample, at batch 1 and in large batches."""

from collections.abc import Mapping

import tf_keras as keras

from nasturtium import metering
from nasturtium.measurement.latency import inference_function, random_batch
from nasturtium.metering import InferenceEnergy, Meter, WindowEnergy


def measure_energy(
    model: keras.Model, batch_size: int, meter: Meter, settings: Mapping
) -> InferenceEnergy:
    """Joules a sample of ``model`` in batches of ``batch_size``.

    Nothing is run where nothing can be measured.

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
