"""The report's pages: the sortable summary, the cost, and the configuration and versions."""

import importlib.metadata
from collections.abc import Mapping, Sequence

import yaml

import nasturtium
from nasturtium.records.runs import BASELINE
from nasturtium.report import as_deployed
from nasturtium.report.cost import costs
from nasturtium.report.html import Cell, figure, listing, pairs, paragraph, section, table
from nasturtium.report.quantisation import sentences
from nasturtium.report.summary import WITHOUT_NET

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
    "unit of MAE",
    "parameters",
    "parameters over baseline's",
    "non-zero",
    "MACs",
    "gzip (kB)",
    "memory, calculated (kB)",
    "GPU memory (kB)",
    "latency p50 (ms)",
    *as_deployed.HEADER,
    "energy of a sample (J)",
    "training (s)",
    "training (J)",
)


def summary_table(rows: Sequence[Mapping]) -> str:
    """Every run with its figures, and references without a net."""
    return "\n".join(
        (
            paragraph(
                "A click on a column's head sorts by it, a second one turns it round. Hover "
                'over "not measured" for the reason. Test figures are of the test split, which no '
                "choice has seen."
            ),
            table(_SUMMARY_HEADER, _summary_lines(rows), filtered=True),
            *(paragraph(f"Trained for int8: {sentence}") for sentence in sentences(rows)),
        )
    )


def _summary_lines(rows: Sequence[Mapping]) -> list[list[Cell | str]]:
    lines = []
    for row in rows:
        lines.append(_summary_line(row))
        if row["run"] == BASELINE:
            for name in WITHOUT_NET:
                accuracy, mae = row.get(f"{name}_accuracy"), row.get(f"{name}_mae")
                if accuracy is None and mae is None:
                    continue
                quality = [
                    figure(None if accuracy is None else 100 * accuracy, ".2f"),
                    figure(mae, ".4g"),
                ]
                names = [row["dataset"], figure(row["seed"], "d"), WITHOUT_NET[name]]
                blank = [Cell(None)] * (len(_SUMMARY_HEADER) - 6)
                lines.append([*names, *quality, _unit(row), *blank])
    return lines


def _unit(row: Mapping) -> str:
    return "-" if row["task"] == "classification" else row["target_unit"] or "target's unit"


def _summary_line(row: Mapping) -> list:
    accuracy = row["test_accuracy"]
    return [
        row["dataset"],
        figure(row["seed"], "d"),
        row["run"],
        figure(None if accuracy is None else 100 * accuracy, ".2f"),
        figure(row["test_mae"], ".4g"),
        _unit(row),
        figure(row["parameters"], ",d"),
        figure(row["parameters_ratio"], ".3f"),
        figure(row["nonzero_parameters"], ",d"),
        figure(row["macs"], ",d", row["macs_reason"]),
        figure(row["weights_gzip_bytes"] / 1000, ",.1f"),
        figure(row["calculated_memory_bytes"] / 1000, ",.1f"),
        figure(_kilo(row["gpu_inference_peak_bytes"]), ",.1f", row["gpu_memory_reason"]),
        figure(row["latency_p50_ms"], ".3f"),
        *as_deployed.cells(row),
        figure(row["inference_energy_j"], ".3g", row["inference_energy_reason"]),
        figure(row["job_duration_s"], ",.1f"),
        figure(row["job_energy_j"], _joules(row["job_energy_j"]), row["job_energy_reason"]),
    ]


def _kilo(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000


def _joules(energy_j: float | None) -> str:
    return ",.0f" if energy_j is not None and energy_j >= 100 else ".3g"


def cost(rows: Sequence[Mapping]) -> str:
    """Time and joules by data set and stage."""
    reasons = sorted({spent.reason for spent in costs(rows)} - {None})
    lines = [
        [
            spent.dataset,
            spent.stage,
            figure(spent.jobs, "d"),
            figure(spent.duration_s, ",.1f"),
            figure(spent.energy_j, _joules(spent.energy_j), spent.reason or "no figure"),
            spent.methods or "-",
            str(1 + reasons.index(spent.reason)) if spent.reason else "",
        ]
        for spent in costs(rows)
    ]
    header = ("data set", "stage", "jobs", "time (s)", "energy (J)", "measured by", "note")
    return "\n".join(
        (
            paragraph(
                "Wall time and energy of the jobs that made a model, summed over runs and seeds, "
                "idle power included. Measuring the models afterwards is not in it."
            ),
            table(header, lines),
            *(paragraph(f"{number}: {text}.") for number, text in enumerate(reasons, 1)),
        )
    )


def about(rows: Sequence[Mapping], config: Mapping) -> str:
    """Configuration, versions and machine."""
    machines = sorted({tuple(str(row[key]) for key in _MACHINE) for row in rows})
    versions = {"nasturtium": nasturtium.__version__}
    versions |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    return "\n".join(
        (
            section("Machine", table([key.replace("_", " ") for key in _MACHINE], machines)),
            section("Versions", pairs(versions)),
            section("Configuration", listing(yaml.safe_dump(dict(config), sort_keys=False))),
        )
    )
