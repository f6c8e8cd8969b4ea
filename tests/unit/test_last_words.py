"""Each failure is named in a sentence, and the rest is summarised anyway."""

import json

from nasturtium.jobs.last_words import answer, failures
from nasturtium.records.parquet import read_rows
from nasturtium.stages import partial
from tests.generated_study import write_study

LOG = """\
[Thu Nov 26 13:27:20 2026]
Error in rule split_data:
    message: None
    jobid: 5
    output: results/data/broken/seed0.split.npz, results/data/broken/seed0.split.json
    log: logs/broken/seed0.split_data.log (check log file(s) for error details)
RuleException:
CalledProcessError in file "workflow/rules/data.smk", line 38:
Command 'python x' returned non-zero exit status 1.
Exiting because a job execution failed. Look below for error messages
[Thu Nov 26 13:27:20 2026]
Error in rule split_data:
    message: None
    jobid: 5
    output: results/data/broken/seed0.split.npz, results/data/broken/seed0.split.json
    log: logs/broken/seed0.split_data.log (check log file(s) for error details)
Error in rule killed:
    output: results/digits/seed0/nas/model.keras
    log: logs/digits/seed0/nas.log (check log file(s) for error details)
"""


def test_a_damaged_answer_is_shown_plainly(tmp_path, capsys):
    (tmp_path / "verdict.txt").write_bytes(b"take \x1b[2J\xff")
    answer(tmp_path)
    assert "take \\x1b[2J\ufffd" in capsys.readouterr().err
    (tmp_path / "verdict.txt").unlink()
    (tmp_path / "verdict.txt").mkdir()
    answer(tmp_path)
    assert capsys.readouterr().err == ""


def test_each_failed_job_is_named_once_with_its_last_error(tmp_path):
    (tmp_path / "snakemake.log").write_text(LOG)
    told = tmp_path / "logs/broken/seed0.split_data.log"
    told.parent.mkdir(parents=True)
    told.write_text(
        "2026-11-26 13:27:19,1 ERROR nasturtium: the first\n"
        "2026-11-26 13:27:20,1 ERROR nasturtium: class 'x' has one row; remove it.\n"
    )
    found = failures(str(tmp_path / "snakemake.log"), tmp_path)
    assert [str(failure) for failure in found] == [
        "results/data/broken/seed0.split.npz (split_data): class 'x' has one row; remove it.",
        "results/digits/seed0/nas/model.keras (killed): it ended without a message; see "
        f"{tmp_path}/logs/digits/seed0/nas.log",
    ]
    (tmp_path / "well.log").write_text("57 of 57 steps (100%) done\n")
    assert failures(str(tmp_path / "well.log"), tmp_path) == []


def test_the_rest_is_summarised_drawn_and_dated_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = write_study(
        tmp_path / "results", "digits", seeds=1, ratios=[0.5], trials=2, epochs=2, measured=False
    )
    for row in rows:
        folder = tmp_path / "results/digits/seed0" / row["run"]
        assert (folder / "predictions.parquet").is_file()
    metrics = [f"results/digits/seed0/{row['run']}/metrics.parquet" for row in rows]
    # One run of digits, and all of the other data set, were not made.
    (tmp_path / metrics[-1]).unlink()
    missing = "results/broken/seed0/baseline/metrics.parquet"
    names = ("choice", "tradeoff", "answers")
    plan = {
        "metrics": [*metrics, missing],
        "latencies": ["results/digits/seed0/latency.parquet"],
        "figure_paths": [
            f"results/{dataset}/figures/{name}.svg"
            for dataset in ("digits", "broken")
            for name in names
        ],
        "cards": ["results/data/broken/dataset.json"],
        "splits": [],
        "failed": ["results/data/broken/seed0.split.npz (split_data): class 'x' has one row."],
        "config": {"datasets": ["digits", "broken"]},
        "code": "test",
        "devices": {},
    }
    assert partial.run(**json.loads(json.dumps(plan)))
    results = tmp_path / "results"
    assert len(read_rows(results / "summary.parquet")) == len(rows) - 1
    answer = (results / "verdict.txt").read_text()
    assert "digits: which net to take?" in answer
    assert "broken: no verdict" in answer
    page = (results / "index.html").read_text()
    assert page.index("Not all of it was made") < page.index("most accurate")
    assert "class &#x27;x&#x27; has one row." in page
    for path in (results / "summary.parquet", results / "broken/figures/choice.svg"):
        assert path.stat().st_mtime == 1
    assert not partial.run(**{**plan, "metrics": [missing]})
