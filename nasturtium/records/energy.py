"""Schemas of ``energy.parquet`` (one row per window, device and method) and ``power.parquet``."""

import pyarrow as pa

from nasturtium.records.parquet import column

KINDS = ("job", "fit", "epoch", "trial", "inference", "idle")
QUALITIES = ("ok", "short", "gap", "shared", "disagree", "error", "none")

_TEXT, _INT, _FLOAT, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_WALL = pa.timestamp("us", tz="UTC")

ENERGY = pa.schema(
    [
        column("dataset", _TEXT, "data set of the run", required=True),
        column("seed", _INT, "seed of the run", required=True),
        column("run", _TEXT, "path of the run, e.g. pruned/channels-0.50", required=True),
        column("worker", _INT, "which of a search's workers; null where one process ran all"),
        column("window_id", _INT, "number of the window within its run, from 0", required=True),
        column("parent_id", _INT, "the latest window open when this one opened; informational"),
        column("kind", _TEXT, "one of " + ", ".join(KINDS), required=True),
        column("key", _TEXT, "the caller's name of the window", required=True),
        column("epoch", _INT, "number of the epoch within its fit, from 0; null for other kinds"),
        column("trial", _TEXT, "identity of the trial that the window belongs to"),
        column("t0_ns", _INT, "begin on the process's monotonic clock", required=True),
        column("t1_ns", _INT, "end on the process's monotonic clock", required=True),
        column("t0_wall", _WALL, "begin as wall-clock time, from one anchor a job", required=True),
        column("duration_s", _FLOAT, "t1_ns - t0_ns", required=True),
        column(
            "device_kind",
            _TEXT,
            "gpu, cpu_package, cpu_dram; none without one",
            required=True,
        ),
        column("device_id", _TEXT, "UUID of the GPU, or name of the RAPL zone"),
        column("device_name", _TEXT, "model of the device, as its driver names it"),
        column("driver", _TEXT, "driver and its version"),
        column("pci_id", _TEXT, "PCI bus address; null for CPU packages"),
        column(
            "method",
            _TEXT,
            "how it was measured; none where it was not",
            required=True,
        ),
        column(
            "is_best",
            _FLAG,
            "whether energy_j is what this device adds to the window's energy: the first measured "
            "of the counter and the integrated power; CPU packages count only where the job has "
            "no GPU, so that the sum over a window's best rows never mixes the two",
            required=True,
        ),
        column("energy_j", _FLOAT, "energy between t0_ns and t1_ns, idle power included"),
        column("power_mean_w", _FLOAT, "energy_j over duration_s"),
        column(
            "power_peak_w",
            _FLOAT,
            "largest power sample inside the window; null with fewer than 3 samples, and for "
            "devices that have a counter only",
        ),
        column(
            "idle_power_w",
            _FLOAT,
            "mean power in the latest idle window before; never subtracted from energy_j",
        ),
        column("n_samples", _INT, "samples of the trace inside the window that the method used"),
        column("max_gap_s", _FLOAT, "longest time inside the window without a sample"),
        column(
            "counter_quantum_j",
            _FLOAT,
            "bound of a counter's error at one border: its update period times power_mean_w",
        ),
        column("temperature_start_c", _FLOAT, "temperature of the device at the begin"),
        column("temperature_end_c", _FLOAT, "temperature of the device at the end"),
        column("sm_clock_mean_mhz", _FLOAT, "mean of the sampled clock of the multiprocessors"),
        column(
            "n_processes_on_device",
            _INT,
            "processes with a compute context on the device, the larger count of both borders",
        ),
        column("synchronised", _FLAG, "whether the device was idle at both borders", required=True),
        column("status", _TEXT, "ok, or error: the block under the window raised", required=True),
        column("quality", _TEXT, "one of " + ", ".join(QUALITIES), required=True),
        column("reason", _TEXT, "why the quality is not ok, or what the reader must know"),
    ]
)
"""One row per window, device and method; on a machine with nothing to read, one per window."""

POWER = pa.schema(
    [
        column("dataset", _TEXT, "data set of the run", required=True),
        column("seed", _INT, "seed of the run", required=True),
        column("run", _TEXT, "path of the run, e.g. pruned/channels-0.50", required=True),
        column("worker", _INT, "which of a search's workers; null where one process ran all"),
        column(
            "t_ns",
            _INT,
            "time on the monotonic clock of the job; t0_ns and t0_wall of a window relate it to "
            "wall-clock time",
            required=True,
        ),
        column("device_id", _TEXT, "UUID of the GPU, or name of the RAPL zone", required=True),
        column("power_instant_w", _FLOAT, "instant power (NVML field 186)"),
        column("power_average_w", _FLOAT, "the driver's default power; a 1 s mean since Ampere"),
        column("energy_counter_j", _FLOAT, "energy counter since an arbitrary origin"),
        column("temperature_c", _FLOAT, "temperature of the device"),
        column("sm_clock_mhz", _FLOAT, "clock of the multiprocessors"),
        column("reason", _TEXT, "why figures of the row are null"),
    ]
)
"""The trace: one row per sample and device, including repeated values."""
