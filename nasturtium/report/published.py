"""Figures that are published: a study's rows beside the docs, and the page's tables made from them.

python -m nasturtium.report.published add docs/results/california.csv \\
    --config config/california.yaml --machine "2-core x86-64 virtual machine without GPU"
python -m nasturtium.report.published page docs/results.md
python -m nasturtium.report.published difference docs/results/embedded.csv digits nas random_search

A table of the page is between ``<!-- table california.csv: baseline, nas, ... -->`` and ``<!-- end
-->``; the second command makes it again from the file of that name in the folder ``results`` beside
the page. Where the file has several data sets, ``table embedded.csv digits: ...`` names one. With
``--check`` it changes nothing, and fails if the two differ. The third command prints the difference
of two runs on the test split, paired by seed.
"""

import argparse
import datetime
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from nasturtium.errors import RecordError
from nasturtium.records.atomic import atomic_path
from nasturtium.records.parquet import read_table
from nasturtium.records.runs import Run
from nasturtium.report.as_deployed import int8_change
from nasturtium.report.spread import quality_text, spread_text, thousandth
from nasturtium.report.summary import aligned
from nasturtium.report.verdict import change_text, told_text
from nasturtium.statistics.verdict import Candidate, candidates_of

_TABLE = re.compile(
    r"(<!-- table (?P<file>[\w.-]+\.csv)(?: (?P<dataset>\w+))?: (?P<runs>[^\n]*?) -->\n)"
    r".*?(?P<end>\n?<!-- end -->)",
    re.DOTALL,
)
HEADER = (
    "run",
    "n",
    "test",
    "to the baseline (95 %)",
    "differs?",
    "parameters",
    "not zero",
    "MACs",
    "change by int8",
    "int8 flash kB",
    "int8 RAM kB",
    "epochs in all",
)


def publish(
    results: Path, target: Path, *, config: str, machine: str, date: datetime.date
) -> tuple[Path, Path]:
    """Write the study in ``results`` to ``target``, and its trials to a Parquet file beside it.

    Each row has its configuration, code, kind of machine and date.

    Parameters
    ----------
    results
        Folder with ``summary.parquet`` and the runs.
    target
        CSV file with one row per run and seed.
    config
        The study's configuration, as a path in the repository.
    """
    table = read_table(results / "summary.parquet")
    plain = [f.name for f in table.schema if not pa.types.is_list(f.type)]
    rows = table.select(plain).to_pylist()
    told = {"configuration": config, "machine": machine, "date": date.isoformat()}
    published = [{**row, **told, **_code(results, row)} for row in rows]
    with atomic_path(target) as temporary:
        pa.csv.write_csv(pa.Table.from_pylist(published), temporary)
    searches = [
        _folder(results, row) / "trials.parquet"
        for row in rows
        if Run(row["dataset"], row["seed"], row["run"]).is_search
    ]
    trials = target.with_name(f"{target.stem}-trials.parquet")
    if searches:
        with atomic_path(trials) as temporary:
            joined = pa.concat_tables([read_table(path) for path in searches])
            pq.write_table(joined.drop_columns(["model_path"]), temporary, compression="zstd")
    return target, trials


def _folder(results: Path, row: Mapping) -> Path:
    return results / row["dataset"] / f"seed{row['seed']}" / row["run"]


def _code(results: Path, row: Mapping) -> dict[str, str]:
    metadata = pq.read_metadata(_folder(results, row) / "training.parquet").metadata
    return {
        "code_digest": metadata[b"code_digest"].decode(),
        "package_version": metadata[b"package_version"].decode(),
    }


def read_published(path: Path) -> list[dict]:
    """Rows that :func:`publish` wrote; empty values are None."""
    options = pa.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=True)
    return pa.csv.read_csv(path, convert_options=options).to_pylist()


def table_of(rows: Sequence[Mapping], runs: Sequence[str]) -> str:
    """A Markdown table: mean and sample standard deviation over the seeds, one line per run.

    Parameters
    ----------
    rows
        Of one data set.
    runs
        Runs to show, in this order; the baseline is always among the rows.
    """
    candidates = {c.name: c for c in candidates_of(rows, rows[0]["dataset"])}
    baseline = candidates["baseline"]
    return aligned(HEADER, [_line(candidates[run], baseline) for run in runs], names=1)


def _line(candidate: Candidate, baseline: Candidate) -> list[str]:
    rows = candidate.rows
    return [
        candidate.name,
        str(len(rows)),
        quality_text(rows, "test"),
        change_text(candidate, baseline),
        told_text(candidate, baseline),
        spread_text(rows, lambda row: row["parameters"], ",.0f"),
        spread_text(rows, lambda row: row["nonzero_parameters"], ",.0f"),
        spread_text(rows, lambda row: row["macs"], ",.0f"),
        spread_text(rows, int8_change, "+.2f" if candidate.classifies else "+.3g"),
        spread_text(rows, lambda row: thousandth(row["tflite_int8_bytes"]), ".1f"),
        spread_text(rows, lambda row: thousandth(row["tflite_int8_arena_bytes"]), ".1f"),
        spread_text(rows, lambda row: row["total_epochs"], ",.0f"),
    ]


def difference(rows: Sequence[Mapping], run: str, other: str) -> str:
    """A sentence: the test figure of ``run`` less that of ``other``, by seed, with its interval.

    Parameters
    ----------
    rows
        Of one data set.

    Raises
    ------
    RecordError
        A run is not among the rows with every seed of the baseline.
    """
    candidates = {c.name: c for c in candidates_of(rows, rows[0]["dataset"])} if rows else {}
    for name in (run, other):
        if name not in candidates:
            raise RecordError(
                f"Run '{name}' is not published with every seed; choose among "
                f"{', '.join(candidates) or 'none'}."
            )
    one, two = candidates[run], candidates[other]
    change = one.change("test", two)
    unit, digits = (" points", "+.2f") if one.classifies else (" MAE", "+.3g")
    if change is None or len(one.rows) < 2:
        raise RecordError(
            f"Runs '{run}' and '{other}' are published with only one seed; publish at least two."
        )
    ends = f"{change.low:{digits}} to {change.high:{digits}}"
    return (
        f"{run} less {other}: {change.estimate:{digits}}{unit} ({ends}; n = {len(one.rows)} seeds)"
    )


def remade(page: str, folder: Path) -> str:
    """``page`` with each of its tables made from its file in ``folder``."""

    def table(found: re.Match) -> str:
        rows = read_published(folder / found["file"])
        if found["dataset"]:
            rows = [row for row in rows if row["dataset"] == found["dataset"]]
        runs = [name.strip() for name in found["runs"].split(",")]
        return f"{found[1]}{table_of(rows, runs)}{found['end'].lstrip()}"

    return _TABLE.sub(table, page)


def main(arguments: Sequence[str]) -> int:
    """The command; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="write a study's rows beside the docs")
    add.add_argument("target", type=Path)
    add.add_argument("--results", type=Path, default=Path("results"))
    add.add_argument("--config", required=True)
    add.add_argument("--machine", required=True)
    page = commands.add_parser("page", help="make a page's tables from the published rows")
    page.add_argument("page", type=Path)
    page.add_argument("--check", action="store_true")
    pair = commands.add_parser("difference", help="of two runs, paired by seed")
    pair.add_argument("file", type=Path)
    pair.add_argument("dataset")
    pair.add_argument("runs", nargs=2)
    given = parser.parse_args(arguments)
    if given.command == "difference":
        rows = [row for row in read_published(given.file) if row["dataset"] == given.dataset]
        sys.stdout.write(f"{difference(rows, *given.runs)}\n")
        return 0
    if given.command == "add":
        today = datetime.datetime.now(datetime.UTC).date()
        for path in publish(
            given.results, given.target, config=given.config, machine=given.machine, date=today
        ):
            sys.stdout.write(f"{path}\n")
        return 0
    text = given.page.read_text(encoding="utf-8")
    made = remade(text, given.page.parent / "results")
    if given.check:
        if made != text:
            sys.stderr.write(
                f"{given.page}: its tables differ from the published rows; run the same command "
                "without --check.\n"
            )
        return int(made != text)
    with atomic_path(given.page) as temporary:
        temporary.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
