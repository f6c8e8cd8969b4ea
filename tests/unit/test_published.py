"""Published figures, and the tables of a page that are made from them."""

import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nasturtium.errors import RecordError
from nasturtium.report.published import difference, main, publish, read_published, remade
from tests.generated_study import write_study, write_summary

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def published(folder: Path, seeds: int) -> list[dict]:
    rows = write_study(folder / "results", "digits", seeds=seeds, trials=3)
    write_summary(folder / "results", rows)
    (folder / "docs/results").mkdir(parents=True)
    day = datetime.date(2026, 1, 2)
    publish(
        folder / "results",
        folder / "docs/results/digits.csv",
        config="config/x.yaml",
        machine="a machine",
        date=day,
    )
    return rows


def test_a_study_is_published_with_what_made_it(tmp_path):
    rows = published(tmp_path, seeds=2)
    found = read_published(tmp_path / "docs/results/digits.csv")
    assert len(found) == len(rows)
    first = found[0]
    assert (first["configuration"], first["machine"]) == ("config/x.yaml", "a machine")
    assert first["code_digest"] == "generated"
    for one, other in zip(found, rows, strict=True):
        assert one["run"] == other["run"]
        assert one["test_accuracy"] == other["test_accuracy"]
        assert one["gpu_memory_reason"] == other["gpu_memory_reason"]
    trials = pq.read_table(tmp_path / "docs/results/digits-trials.parquet")
    assert trials.num_rows == 2 * 2 * 3
    assert "model_path" not in trials.column_names


def test_the_tables_of_a_page_are_made_from_the_published_rows(tmp_path):
    published(tmp_path, seeds=3)
    page = tmp_path / "docs/results.md"
    page.write_text("Before.\n\n<!-- table digits.csv: baseline, nas -->\n<!-- end -->\n\nAfter.\n")
    assert main(["page", str(page), "--check"]) == 1
    assert main(["page", str(page)]) == 0
    made = page.read_text()
    assert made.startswith("Before.\n")
    assert made.endswith("<!-- end -->\n\nAfter.\n")
    lines = [line.split("|")[1].strip() for line in made.splitlines() if line.startswith("|")]
    assert lines[0] == "run"
    assert lines[2:] == ["baseline", "nas"]
    assert main(["page", str(page), "--check"]) == 0
    # A figure that somebody changes by hand is noticed.
    page.write_text(made.replace(" ± ", " ± 1", 1))
    assert main(["page", str(page), "--check"]) == 1


def test_a_table_is_of_the_data_set_that_it_names(tmp_path):
    published(tmp_path, seeds=2)
    path = tmp_path / "docs/results/digits.csv"
    first, *others = path.read_text().splitlines()
    others += [line.replace("digits", "letters", 1).replace("0.", "0.0", 1) for line in others]
    path.write_text("\n".join([first, *others]) + "\n")
    tables = {
        name: remade(f"<!-- table digits.csv{name}: nas -->\n<!-- end -->", path.parent)
        for name in ("", " digits", " letters")
    }
    assert tables[" digits"].splitlines()[1:] == tables[""].splitlines()[1:]
    assert tables[" letters"].startswith("<!-- table digits.csv letters: nas -->\n| run")


def test_two_runs_differ_by_seed(tmp_path, capsys):
    published(tmp_path, seeds=3)
    path = tmp_path / "docs/results/digits.csv"
    rows = read_published(path)
    of = {(row["seed"], row["run"]): row["test_accuracy"] for row in rows}
    mean = 100 * sum(of[seed, "nas"] - of[seed, "baseline"] for seed in range(3)) / 3
    assert main(["difference", str(path), "digits", "nas", "baseline"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"nas less baseline: {mean:+.2f} points (")
    assert said.endswith("; n = 3 seeds)\n")
    with pytest.raises(RecordError, match="Run 'nas9' is not published with every seed; choose"):
        difference(rows, "nas9", "nas")
    with pytest.raises(RecordError, match="choose among none"):
        difference([], "nas", "baseline")
    with pytest.raises(RecordError, match="'nas' and 'baseline' are published with only one seed"):
        difference([row for row in rows if row["seed"] == 0], "nas", "baseline")


def test_the_pages_of_the_docs_have_the_tables_of_the_published_rows():
    for page in DOCS.glob("*.md"):
        text = page.read_text()
        assert remade(text, DOCS / "results") == text, page.name
