"""The report's pages: the summary to sort, what it cost, and what it was made with."""

import importlib.metadata
from collections.abc import Mapping, Sequence

import yaml

import nasturtium
from nasturtium.report.cost import costs
from nasturtium.report.html import figure, listing, page, pairs, paragraph, section, table

_PACKAGES = (
    "snakemake",
    "tensorflow",
    "tf-keras",
    "tensorflow-model-optimization",
    "autokeras",
    "keras-tuner",
    "optuna",
    "numpy",
    "pyarrow",
    "scikit-learn",
    "nvidia-ml-py",
    "matplotlib",
)
_MACHINE = (
    "device_kind",
    "device_name",
    "cpu_name",
    "cpu_count",
    "latency_threads",
    "python_version",
    "tensorflow_version",
)

_SUMMARY_HEADER = (
    "data set",
    "seed",
    "run",
    "test accuracy (%)",
    "test MAE",
    "parameters",
    "parameters over baseline's",
    "non-zero",
    "MACs",
    "gzip (kB)",
    "memory, calculated (kB)",
    "GPU memory (kB)",
    "latency p50 (ms)",
    "energy of a sample (J)",
    "training (s)",
    "training (J)",
)


def summary_page(rows: Sequence[Mapping]) -> str:
    """Every run with its figures."""
    return page(
        "Summary: every run",
        paragraph(
            "A click on a column's head sorts by it, a second one turns it round. Hover over "
            '"not measured" for the reason. Test figures are of the test split, which no choice '
            "has seen; MAE is in the target's unit."
        ),
        table(_SUMMARY_HEADER, [_summary_line(row) for row in rows], filtered=True),
    )


def _summary_line(row: Mapping) -> list:
    accuracy = row["test_accuracy"]
    return [
        row["dataset"],
        figure(row["seed"], "d"),
        row["run"],
        figure(None if accuracy is None else 100 * accuracy, ".2f"),
        figure(row["test_mae"], ".4g"),
        figure(row["parameters"], ",d"),
        figure(row["parameters_ratio"], ".3f"),
        figure(row["nonzero_parameters"], ",d"),
        figure(row["macs"], ",d", row["macs_reason"]),
        figure(row["weights_gzip_bytes"] / 1000, ",.1f"),
        figure(row["calculated_memory_bytes"] / 1000, ",.1f"),
        figure(_kilo(row["gpu_inference_peak_bytes"]), ",.1f", row["gpu_memory_reason"]),
        figure(row["latency_p50_ms"], ".3f"),
        figure(row["inference_energy_j"], ".3g", row["inference_energy_reason"]),
        figure(row["job_duration_s"], ",.1f"),
        figure(row["job_energy_j"], _joules(row["job_energy_j"]), row["job_energy_reason"]),
    ]


def _kilo(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000


def _joules(energy_j: float | None) -> str:
    return ",.0f" if energy_j is not None and energy_j >= 100 else ".3g"


def cost_page(rows: Sequence[Mapping]) -> str:
    """Time and joules by data set and stage."""
    lines = [
        [
            cost.dataset,
            cost.stage,
            figure(cost.jobs, "d"),
            figure(cost.duration_s, ",.1f"),
            figure(cost.energy_j, _joules(cost.energy_j), cost.reason or "no figure"),
            cost.methods or "-",
            cost.reason or "",
        ]
        for cost in costs(rows)
    ]
    header = ("data set", "stage", "jobs", "time (s)", "energy (J)", "measured by", "reason")
    return page(
        "What did it cost",
        paragraph(
            "Wall time and energy of the jobs that made a model, summed over runs and seeds, idle "
            "power included. Measuring the models afterwards is not in it."
        ),
        table(header, lines),
    )


def about_page(rows: Sequence[Mapping], config: Mapping) -> str:
    """Configuration, versions and machine."""
    machines = sorted({tuple(str(row[key]) for key in _MACHINE) for row in rows})
    versions = {"nasturtium": nasturtium.__version__}
    versions |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    return page(
        "How it was made",
        section("Machine", table([key.replace("_", " ") for key in _MACHINE], machines)),
        section("Versions", pairs(versions)),
        section("Configuration", listing(yaml.safe_dump(dict(config), sort_keys=False))),
    )
