"""A data set that can't be used does not hide the results of the others."""

import yaml

from nasturtium.records.parquet import read_rows
from tests.workflow.generated_project import generated_project

# The generated files have no metadata of Snakemake's: only their age is compared.
BY_AGE = ("--rerun-triggers", "mtime")


def test_a_failing_data_set_leaves_the_others_answers_figures_and_report(tmp_path):
    project = generated_project(
        tmp_path / "project", seeds=1, ratios=[0.5], trials=3, datasets=("digits", "diabetes")
    )
    sound = yaml.safe_load(project.path("tiny.yaml").read_text())
    rows = [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(60)] + ["60,1,c"]
    project.path("lonely.csv").write_text("\n".join(["x,y,label", *rows, ""]))
    description = {
        "format": "csv",
        "path": "lonely.csv",
        "target": "label",
        "task": "classification",
        "reference": {"mlp": [8]},
    }
    datasets = ["digits", "lonely", "diabetes"]
    project.configure({**sound, "datasets": datasets, "own_datasets": {"lonely": description}})
    done = project.snakemake(*BY_AGE)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    last = output.splitlines()[-40:]
    for name in ("digits", "diabetes"):
        assert any(f"{name}: which net to take?" in line for line in last), output
    failed = last[last.index("Failed:") :]
    assert failed[1].startswith("- results/data/lonely/seed0.split.npz (split_data): Data set")
    assert failed[2].startswith("Correct that, and run the same command again")
    assert "Traceback" not in output
    summary = project.path("results/summary.parquet")
    assert {row["dataset"] for row in read_rows(summary)} == {"digits", "diabetes"}
    for name in ("digits", "diabetes"):
        drawn = project.path(f"results/{name}/figures/choice.svg").read_text()
        assert "lower left is better" in drawn
    report = project.snakemake(*BY_AGE, "--report", "report.html")
    assert report.returncode == 0, report.stdout + report.stderr
    assert "Not all of it was made" in project.path("report.html").read_text()
    assert "Not all of it was made" in project.path("results/index.html").read_text()
    # Without it, the tables and figures are made again, as outdated, and nothing else is.
    project.configure(sound)
    planned = project.planned(*BY_AGE)
    planned.pop("all", None)
    assert planned == {"summary": 1, "figures": 2, "pages": 1}
