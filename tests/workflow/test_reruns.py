"""Reruns: finished work is skipped, and only the work that a change affects is repeated."""

import copy
import os
import subprocess
import sys

import pytest
import yaml

from tests.workflow.conftest import ROOT, TINY


def _planned(project, *arguments):
    """Jobs by rule, without ``figures`` and ``pages``, which follow the summary."""
    jobs = project.planned(*arguments)
    if "summary" in jobs:
        assert {"figures", "pages"} <= set(jobs)
    left = {rule: jobs[rule] for rule in jobs if rule not in ("figures", "pages")}
    return {} if set(left) == {"all"} else left


@pytest.fixture
def changed(finished):
    """Lets a test change the configuration or a file, and puts it back."""
    saved = {}

    def change(path: str, edit) -> None:
        file = finished.path(path)
        saved.setdefault(file, (file.read_text(), file.stat()))
        file.write_text(edit(file.read_text()))

    def configure(section: str, **values) -> None:
        config = copy.deepcopy(TINY)
        config.setdefault(section, {}).update(values)
        change("tiny.yaml", lambda _: yaml.safe_dump(config))

    change.config = configure
    yield change
    for file, (text, stat) in saved.items():
        file.write_text(text)
        os.utime(file, (stat.st_atime, stat.st_mtime))


def test_a_second_run_does_nothing(finished):
    done = finished.snakemake()
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_how_many_jobs_share_a_gpu_reruns_nothing(finished):
    assert _planned(finished, "--config", "gpu_jobs_per_device=2") == {}


def test_a_changed_parameter_reruns_its_stage_and_what_follows(finished, changed):
    changed.config("pruning", epochs=5)
    assert _planned(finished) == {
        "all": 1,
        "baseline_longer": 1,
        "latency": 1,
        "measure": 6,
        "nas_pruned": 2,
        "pruned": 2,
        "scratch": 1,
        "summary": 1,
    }


def test_how_it_is_pruned_reruns_no_training_without_pruning(finished, changed):
    changed.config("pruning", importance="l1")
    # The pruned shape changes, so its control is trained again.
    assert set(_planned(finished)) == {
        "all",
        "latency",
        "measure",
        "nas_pruned",
        "nas_with_pruning",
        "pruned",
        "scratch",
        "summary",
    }


def test_a_parameter_of_the_measurer_trains_nothing(finished, changed):
    changed.config("measure", latency_runs=25)
    assert _planned(finished) == {"all": 1, "latency": 1, "measure": 9, "summary": 1}


def test_a_changed_search_reruns_what_builds_on_it(finished, changed):
    changed.config("search", trials=3)
    assert _planned(finished) == {
        "all": 1,
        "latency": 1,
        "measure": 4,
        "nas": 1,
        "nas_pruned": 2,
        "nas_with_pruning": 1,
        "summary": 1,
    }


def test_another_ratio_plans_only_what_is_new(finished, changed):
    changed.config("pruning", ratios=[0.5, 0.7])
    assert _planned(finished) == {
        "all": 1,
        "latency": 1,
        "measure": 5,
        "nas_pruned": 2,
        "pruned": 2,
        "scratch": 1,
        "summary": 1,
    }


def test_threads_and_the_data_folder_rerun_nothing(finished, changed):
    config = {**TINY, "threads": 1, "data_dir": "elsewhere"}
    changed("tiny.yaml", lambda _: yaml.safe_dump(config))
    assert _planned(finished) == {}


def test_touching_modules_and_scripts_reruns_nothing(finished):
    for file in [*finished.path("nasturtium").rglob("*.py"), *finished.path("workflow").rglob("*")]:
        file.touch()
    assert _planned(finished) == {}


def test_a_comment_or_docstring_reruns_nothing(finished, changed):
    changed("nasturtium/training/fit.py", lambda text: text + "\n# A remark.\n")
    changed("nasturtium/models/frame.py", lambda text: text.replace("The frame around", "Round"))
    assert _planned(finished) == {}


@pytest.mark.parametrize(
    ("module", "planned"),
    [
        ("report/summary.py", {"all": 1, "summary": 1}),
        (
            "measurement/quality.py",
            {"all": 1, "latency": 1, "measure": 9, "summary": 1},
        ),
        (
            "pruning/start.py",
            {
                "all": 1,
                "latency": 1,
                "measure": 7,
                "nas": 1,
                "nas_pruned": 2,
                "nas_with_pruning": 1,
                "pruned": 2,
                "scratch": 1,
                "summary": 1,
            },
        ),
    ],
)
def test_an_edited_helper_reruns_the_stages_that_use_it(finished, changed, module, planned):
    changed(f"nasturtium/{module}", lambda text: text + "\nNEW = 1\n")
    assert _planned(finished) == planned


def test_an_edited_script_reruns_its_rule(finished, changed):
    changed("workflow/scripts/summarise.py", lambda text: text + "\nNEW = 1\n")
    assert _planned(finished) == {"all": 1, "summary": 1}


def test_a_lost_file_is_made_again_when_asked_for(finished):
    target = "results/digits/seed0/pruned/channels-0.50/metrics.parquet"
    lost = finished.path(target)
    content, stat = lost.read_bytes(), lost.stat()
    lost.unlink()
    try:
        # Its outputs still exist, and are newer than their inputs.
        assert _planned(finished) == {}
        assert _planned(finished, target) == {"measure": 1}
    finally:
        lost.write_bytes(content)
        os.utime(lost, (stat.st_atime, stat.st_mtime))


def test_an_earlier_answer_is_not_said_again_after_a_single_file(finished):
    assert "which net to take?" in finished.output
    target = "results/data/digits/seed7.split.npz"
    done = finished.snakemake(target)
    finished.path(target).unlink()
    finished.path(target).with_suffix(".json").unlink()
    assert done.returncode == 0, done.stderr
    assert "which net to take?" not in done.stdout + done.stderr


def test_a_single_file_needs_only_what_leads_to_it(project):
    assert project.planned("results/digits/seed3/pruned/magnitude-0.35/metrics.parquet") == {
        "baseline": 1,
        "measure": 1,
        "prepare_data": 1,
        "pruned": 1,
        "split_data": 1,
    }


@pytest.mark.parametrize("option", ["--dag", "--rulegraph", "--filegraph"])
def test_pictures_are_clean_dot(project, option):
    done = project.snakemake(option)
    assert done.returncode == 0, done.stderr
    assert done.stdout.lstrip().startswith("digraph")
    assert done.stdout.rstrip().endswith("}")


def test_the_workflow_is_linted_and_small():
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60
    for script in (ROOT / "workflow/scripts").glob("*.py"):
        assert len(script.read_text().splitlines()) <= 30, script.name
        # A key read there is invisible to the rerun triggers.
        assert "snakemake.config" not in script.read_text()


def test_named_objectives_and_retrained_trials_are_runs_of_their_own(project):
    folder = "results/digits/seed0"
    planned = project.planned(
        f"{folder}/nas_with_pruning-loss/metrics.parquet",
        f"{folder}/retrained_pruned/nas-0003/channels-0.50/metrics.parquet",
        "--config",
        "search={objectives: {loss: {validation_loss: 1}}}",
    )
    assert planned == {
        "baseline": 1,
        "measure": 2,
        "nas": 1,
        "nas_with_pruning": 1,
        "prepare_data": 1,
        "retrained": 1,
        "retrained_pruned": 1,
        "split_data": 1,
    }


def test_each_net_can_be_trained_for_int8_though_the_study_does_not(project):
    runs = ("quantised", "pruned_quantised/channels-0.50", "nas_with_pruning_quantised")
    planned = project.planned(*(f"results/digits/seed0/{run}/metrics.parquet" for run in runs))
    assert planned == {
        "baseline": 1,
        "measure": 3,
        "nas_with_pruning": 1,
        "nas_with_pruning_quantised": 1,
        "prepare_data": 1,
        "pruned": 1,
        "pruned_quantised": 1,
        "quantised": 1,
        "split_data": 1,
    }


def test_an_objective_that_is_not_configured_is_refused_by_name(project):
    done = project.snakemake("-n", "results/digits/seed0/nas-speed/metrics.parquet")
    assert done.returncode != 0
    assert "search.objectives.speed" in done.stdout + done.stderr
