"""Mean and spread over the seeds: a table with one line per data set and run.

python -m nasturtium.report.spread results/mnist/seed*/*/metrics.parquet
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nasturtium.report.as_deployed import int8_change
from nasturtium.report.points import spread_of
from nasturtium.report.summary import aligned, with_ratios

HEADER = (
    "data set",
    "run",
    "n",
    "test",
    "train",
    "points to baseline",
    "parameters",
    "non-zero",
    "gzip kB",
    "TFLite kB",
    "dynamic kB",
    "int8 kB",
    "int8 RAM kB",
    "change by int8",
    "TFLite us",
)


def over_seeds(rows: Sequence[Mapping]) -> str:
    """A Markdown table: mean and sample standard deviation over the ``n`` seeds of each run.

    Parameters
    ----------
    rows
        See :func:`nasturtium.report.summary.with_ratios`. With one seed there is no deviation; if a
        figure is missing for a seed, there is no mean either.
    """
    groups: dict[tuple[str, str], list[Mapping]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["run"]), []).append(row)
    lines = [
        [dataset, run, str(len(group)), *_figures(group)]
        for (dataset, run), group in groups.items()
    ]
    return aligned(HEADER, lines, names=2)


def _figures(group: Sequence[Mapping]) -> list[str]:
    return [
        quality_text(group, "test"),
        quality_text(group, "train"),
        spread_text(group, lambda row: row["accuracy_change_points"], "+.2f"),
        spread_text(group, lambda row: row["parameters"], ",.0f"),
        spread_text(group, lambda row: row["nonzero_parameters"], ",.0f"),
        spread_text(group, lambda row: thousandth(row.get("weights_gzip_bytes")), ".1f"),
        spread_text(group, lambda row: thousandth(row.get("tflite_bytes")), ".1f"),
        spread_text(group, lambda row: thousandth(row.get("tflite_dynamic_bytes")), ".1f"),
        spread_text(group, lambda row: thousandth(row.get("tflite_int8_bytes")), ".1f"),
        spread_text(group, lambda row: thousandth(row.get("tflite_int8_arena_bytes")), ".1f"),
        spread_text(group, int8_change, "+.2f" if group[0]["task"] == "classification" else "+.3g"),
        spread_text(group, lambda row: _thousandfold(row.get("tflite_latency_p50_ms")), ".1f"),
    ]


def quality_text(group: Sequence[Mapping], split: str) -> str:
    """Accuracy, or mean absolute error, on a split without augmentation."""
    if group[0]["task"] == "classification":
        return spread_text(
            group, lambda row: _hundredfold(row.get(f"{split}_accuracy")), ".2f", " %"
        )
    return "MAE " + spread_text(group, lambda row: row.get(f"{split}_mae"), ".4g")


def spread_text(
    group: Sequence[Mapping], figure: Callable[[Mapping], float | None], form: str, unit: str = ""
) -> str:
    """Mean and sample standard deviation of ``figure`` over the rows; "-" if one is missing."""
    spread = spread_of([figure(row) for row in group])
    if spread is None:
        return "-"
    mean = f"{spread.mean:{form}}"
    if not spread.deviation:
        return mean + unit
    return f"{mean} ± {spread.deviation:{form.lstrip('+')}}{unit}"


def _hundredfold(value: float | None) -> float | None:
    return None if value is None else 100 * value


def thousandth(value: float | None) -> float | None:
    """Kilobytes of bytes; None stays None."""
    return None if value is None else value / 1000


def _thousandfold(value: float | None) -> float | None:
    return None if value is None else 1000 * value


def main(paths: Sequence[str | Path]) -> str:
    """The table over the ``metrics.parquet`` files at ``paths``."""
    from nasturtium.records.parquet import read_rows

    rows = [row for path in paths for row in read_rows(path)]
    rows.sort(key=lambda row: (row["dataset"], row["run"], row["seed"]))
    return over_seeds(with_ratios(rows))


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
