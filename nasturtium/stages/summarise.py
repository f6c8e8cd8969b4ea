"""Stage ``summary``: every ``metrics.parquet`` in one table, and which nets to take."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nasturtium.records.atomic import atomic_path
from nasturtium.records.metrics import SUMMARY
from nasturtium.records.parquet import read_columns, read_rows, write_table
from nasturtium.records.runs import SEARCHES, Run
from nasturtium.report import verdict as verdict_text
from nasturtium.report.changes import with_changes
from nasturtium.report.costs_in_all import with_choices, with_costs
from nasturtium.report.quantisation import sentences, with_gains
from nasturtium.report.spread import over_seeds
from nasturtium.report.summary import readable, with_ratios
from nasturtium.settings.devices import columns_of
from nasturtium.statistics.verdict import verdict_of


def run(
    metrics: Sequence[str | Path],
    predictions: Sequence[str | Path],
    trials: Sequence[str | Path],
    latencies: Sequence[str | Path],
    table: str | Path,
    text: str | Path,
    answer: str | Path,
    verdicts: Sequence[str | Path],
    devices: Mapping[str, str | Mapping[str, int] | None],
    code: str,
) -> None:
    """Write ``summary.parquet``, ``summary.md``, a ``verdict.md`` per data set, and a short form.

    Parameters
    ----------
    predictions
        The tables beside ``metrics``, in the same order.
    trials
        ``trials.parquet`` of the searches among the runs.
    latencies
        ``latency.parquet`` of each data set and seed.
    answer
        Text file for the terminal.
    verdicts
        ``results/{dataset}/verdict.md``, one a data set.
    devices
        ``search.device`` of each data set.
    """
    searched = {Path(path).parent: read_rows(path) for path in trials}
    timed = _timed(row for path in latencies for row in read_rows(path))
    rows = []
    for path in metrics:
        (row,) = read_rows(path)
        place = tuple(row[name] for name in _PLACE)
        found = _found(Path(path).parent, row, searched)
        device = columns_of(devices.get(row["dataset"]))
        rows.append({**row, **timed.get(place, {}), **found, **device})
    answers = _Read(predictions)
    rows = with_choices(with_costs(with_gains(with_changes(with_ratios(rows), answers), answers)))
    write_table(table, SUMMARY, rows, code=code)
    _write(text, _tables(rows))
    shown = []
    for path in verdicts:
        dataset = Path(path).parent.name
        verdict = verdict_of(rows, dataset)
        if verdict is None:
            short = long = verdict_text.without_baseline(dataset)
        else:
            short = verdict_text.terminal(verdict, str(path))
            long = verdict_text.markdown(verdict)
        _write(path, long)
        shown.append(short)
    _write(answer, "\n\n".join(shown) + "\n")


_PLACE = ("dataset", "seed", "run")


def _found(folder: Path, row: Mapping, searched: Mapping[Path, list[dict]]) -> dict[str, object]:
    """For a search's net or pick: which trial it is, of how many, and whether it is good enough."""
    run = Run(row["dataset"], row["seed"], row["run"])
    if run.pick is not None:
        folder = folder.with_name(folder.name.removesuffix(f"-{run.pick}"))
    if run.stage not in SEARCHES or folder not in searched:
        return {}
    trials = searched[folder]
    best = next(trial for trial in trials if trial["best"])
    chosen = next((trial for trial in trials if run.pick in trial["picked_as"]), best)
    return {
        "trial": chosen["trial"],
        "meets_standard": chosen["meets_standard"],
        "chosen_from_trials": sum(trial["status"] == "completed" for trial in trials),
    }


def _timed(latencies: Iterable[Mapping]) -> dict[tuple, dict[str, float | None]]:
    """Paired ratios by run, in columns of ``summary.parquet``."""
    found: dict[tuple, dict[str, float | None]] = {}
    for row in latencies:
        columns = found.setdefault(tuple(row[name] for name in _PLACE), {})
        for end in ("", "_low", "_high"):
            columns[f"{row['form']}_latency_ratio{end}"] = row[f"ratio{end}"]
    return found


class _Read(Sequence):
    """Tables that are read on demand, since those of a large study have gigabytes."""

    def __init__(self, paths: Sequence[str | Path]):
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number):
        return read_columns(self._paths[number])


def _tables(rows: Sequence[dict]) -> str:
    text = readable(rows)
    if len({row["seed"] for row in rows}) > 1:
        text += "\nMean and sample standard deviation over the seeds:\n\n"
        text += over_seeds(rows)
    if gains := sentences(rows):
        text += "\nTrained for int8 (95 % intervals, paired by test sample):\n\n"
        text += "".join(f"- {sentence}\n" for sentence in gains)
    return text


def _write(path: str | Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
