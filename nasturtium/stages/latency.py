"""Stage ``latency``: compares the TFLite files of all runs of a seed with the baseline's."""

from collections.abc import Sequence
from pathlib import Path

from nasturtium.jobs import runtime
from nasturtium.measurement.machine import describe_machine
from nasturtium.measurement.paired_latency import (
    CALLS,
    PAIRS,
    ROUNDS,
    call_floor_ms,
    describe_load,
    paired_latency,
)
from nasturtium.records.latency import FORMS, LATENCY
from nasturtium.records.parquet import read_rows, write_table
from nasturtium.records.runs import BASELINE, Run


def run(
    runs: Sequence[Run],
    files: Sequence[str | Path],
    output: str | Path,
    threads: int,
    code: str,
) -> None:
    """Measure each run's files alternately with the baseline's; write ``latency.parquet``.

    Parameters
    ----------
    runs
        Runs of one data set and seed, including the baseline.
    files
        The ``lite.parquet`` of each.
    """
    runtime.configure(threads)
    found = {
        (run.name, row["form"]): row["content"]
        for run, path in zip(runs, files, strict=True)
        for row in read_rows(path)
    }
    common = {
        "call_floor_ms": call_floor_ms(),
        "blocks": ROUNDS * PAIRS,
        "calls_per_block": CALLS,
        "cpu_name": describe_machine()["cpu_name"],
    }
    rows = [
        {
            **run.identity,
            "form": form,
            **describe_load(),
            **common,
            **_compared(found.get((run.name, form)), found.get((BASELINE, form))),
        }
        for run in runs
        for form in FORMS
    ]
    write_table(output, LATENCY, rows, code=code)


def _compared(own: bytes | None, reference: bytes | None) -> dict[str, object]:
    if own is None or reference is None:
        whose = "run" if own is None else "baseline"
        return {"reason": f"the {whose} has no such file; its metrics.parquet says why"}
    try:
        measured = paired_latency(own, reference)
    except (ValueError, RuntimeError) as error:
        return {"reason": f"TFLite can't run it: {error}"[:200]}
    return {
        "ratio": measured.ratio,
        "ratio_low": measured.low,
        "ratio_high": measured.high,
        "latency_ms": measured.own_ms,
        "baseline_latency_ms": measured.reference_ms,
    }
