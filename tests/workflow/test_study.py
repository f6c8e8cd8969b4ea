"""The five stages end to end: their outputs are right."""

import hashlib
import json

import numpy as np
import pytest
import tf_keras as keras

from nasturtium.data import prepared, splits
from nasturtium.records.parquet import read_rows

RUNS = [
    "baseline",
    "baseline_longer",
    "pruned/magnitude-0.50",
    "pruned/channels-0.50",
    "scratch/channels-0.50",
    "nas",
    "nas_pruned/magnitude-0.50",
    "nas_pruned/channels-0.50",
    "nas_with_pruning",
]
# Nets of each search. With pruning, the epochs of two are enough for three, since one of these is
# trained to the end, and for a child.
NETS = {"nas": 2, "nas_with_pruning": 4}


@pytest.fixture(scope="session")
def summary(finished):
    return {row["run"]: row for row in read_rows(finished.path("results/summary.parquet"))}


def folder(finished, run):
    return finished.path("results/digits/seed0", run)


def load(finished, run):
    return keras.models.load_model(folder(finished, run) / "model.keras")


def splits_of(finished):
    data = prepared.read(finished.path("results/data/digits"))
    path = finished.path("results/data/digits/seed0.split.npz")
    return splits.training_data(data, path), splits.test_data(data, path)


def test_the_summary_has_every_run(finished, summary):
    assert list(summary) == RUNS
    assert {row["stage"] for row in summary.values()} == {
        "baseline",
        "baseline_longer",
        "pruned",
        "scratch",
        "nas",
        "nas_pruned",
        "nas_with_pruning",
    }
    text = finished.path("results/summary.md").read_text()
    assert all(run in text for run in RUNS)
    verdict = finished.path("results/verdict.txt").read_text()
    assert "which net to take?" in verdict
    # Among the last that the terminal shows: Snakemake has its own last words.
    assert verdict.strip() in "\n".join(finished.output.splitlines()[-25:])
    page = finished.path("results/digits/verdict.md").read_text()
    assert "How sure that is" in page


def test_the_predictions_of_a_run_give_its_figures(finished, summary):
    for run, row in summary.items():
        everything = read_rows(finished.path(f"results/digits/seed0/{run}/predictions.parquet"))
        answers = [answer for answer in everything if answer["split"] == "test"]
        chosen_by = [answer for answer in everything if answer["split"] == "validation"]
        assert len(chosen_by) == row["validation_samples"]
        right_there = sum(answer["prediction"] == answer["target"] for answer in chosen_by)
        assert right_there / len(chosen_by) == pytest.approx(row["validation_accuracy"])
        assert {a["index"] for a in answers}.isdisjoint(a["index"] for a in chosen_by)
        right = [answer["prediction"] == answer["target"] for answer in answers]
        assert len(right) == row["test_samples"]
        assert sum(right) / len(right) == pytest.approx(row["test_accuracy"])
        assert all(0 <= answer["target_probability"] <= 1 for answer in answers)
        change = row["accuracy_change_points"]
        if run != "baseline":
            low, high = row["accuracy_change_low_points"], row["accuracy_change_high_points"]
            assert low <= change <= high
            assert row["differs_from_baseline"] == (not low <= 0 <= high)
            assert row["validation_accuracy_change_low_points"] is not None
        else:
            assert row["linear_accuracy"] > 0.9
        assert row["chosen_from_trials"] == NETS.get(row["stage"])
        assert row["test_accuracy_low"] < row["test_accuracy"] < row["test_accuracy_high"]
        assert sum(row["test_confusion"]) == row["test_samples"]
        assert row["test_balanced_accuracy"] == pytest.approx(np.mean(row["test_recall"]))


@pytest.mark.parametrize("run", RUNS)
def test_a_model_loads_without_custom_objects_and_has_its_row_s_figures(finished, summary, run):
    model = load(finished, run)
    _, test = splits_of(finished)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(test.features, test.targets, verbose=0)
    assert accuracy == pytest.approx(summary[run]["test_accuracy"])
    assert loss == pytest.approx(summary[run]["test_loss"], rel=1e-4)
    assert model.count_params() == summary[run]["parameters"]
    nonzero = sum(np.count_nonzero(weight) for weight in model.get_weights())
    assert nonzero == summary[run]["nonzero_parameters"]
    content = (folder(finished, run) / "model.keras").read_bytes()
    assert hashlib.sha256(content).hexdigest() == summary[run]["model_sha256"]


@pytest.mark.parametrize("run", [run for run in RUNS if "magnitude" in run])
def test_magnitude_pruning_leaves_the_ratio_s_share_of_weights(summary, run):
    source = summary["baseline" if run.startswith("pruned") else "nas"]
    assert summary[run]["reached_ratio"] == pytest.approx(0.5, abs=0.01)
    left = summary[run]["nonzero_prunable_parameters"] / source["prunable_parameters"]
    # Compaction may take more: weights that lead to or from a dead unit.
    assert left <= 0.51


@pytest.mark.parametrize("run", [run for run in RUNS if "pruned/channels" in run])
def test_channel_pruning_removes_the_ratio_s_share_of_parameters(summary, run):
    source = summary["baseline" if run.startswith("pruned") else "nas"]
    left = summary[run]["prunable_parameters"] / source["prunable_parameters"]
    assert left <= 0.5
    assert summary[run]["reached_ratio"] == pytest.approx(1 - left)
    assert summary[run]["parameters_before_compaction"] == source["parameters"]
    assert summary[run]["macs"] < source["macs"]
    assert summary[run]["parameters_ratio"] < 1 or run.startswith("nas")


def test_pruning_left_its_source_as_it_was(finished, summary):
    for run in ("baseline", "nas"):
        content = (folder(finished, run) / "model.keras").read_bytes()
        assert hashlib.sha256(content).hexdigest() == summary[run]["model_sha256"]


def test_a_compaction_was_verified(summary):
    for run, row in summary.items():
        if "prun" in run:
            assert 0 <= row["compaction_max_rel_error"] <= 1e-5
        else:
            assert row["compaction_max_rel_error"] is None


def test_controls_are_what_they_say(finished, summary):
    pruned, scratch = (
        load(finished, "pruned/channels-0.50"),
        load(finished, "scratch/channels-0.50"),
    )
    assert [w.shape for w in scratch.get_weights()] == [w.shape for w in pruned.get_weights()]
    assert summary["scratch/channels-0.50"]["compaction_max_rel_error"] is None
    assert summary["baseline_longer"]["parameters"] == summary["baseline"]["parameters"]

    def epochs(run: str) -> list[dict]:
        return read_rows(folder(finished, run) / "training.parquet")

    # The retraining's epochs; and those of the baseline and the retraining together.
    assert len(epochs("baseline_longer")) == len(epochs("pruned/channels-0.50")) == 4
    assert len(epochs("scratch/channels-0.50")) == 3 + 4
    # The first continues from the baseline, the second starts with new weights.
    last = min(row["validation_loss"] for row in epochs("baseline"))
    assert epochs("baseline_longer")[0]["loss"] < epochs("baseline")[0]["loss"] / 2
    assert epochs("scratch/channels-0.50")[0]["loss"] > 2 * last


@pytest.mark.parametrize("run", ["nas", "nas_with_pruning"])
def test_the_exported_model_is_the_trial_with_the_lowest_score(finished, summary, run):
    trials = read_rows(folder(finished, run) / "trials.parquet")
    assert len(trials) == NETS[run]
    best = min(trials, key=lambda trial: trial["score"])
    assert best["best"]
    exported = (folder(finished, run) / "model.keras").read_bytes()
    assert exported == finished.path(best["model_path"]).read_bytes()
    assert summary[run]["parameters"] == best["parameters"]
    train, _ = splits_of(finished)
    model = load(finished, run)
    model.compile(loss="sparse_categorical_crossentropy")
    loss = model.evaluate(train.validation.features, train.validation.targets, verbose=0)
    assert loss == pytest.approx(best["validation_loss"], rel=1e-4)


def test_trials_of_the_pruning_search_were_compacted_before_they_were_scored(finished):
    for trial in read_rows(folder(finished, "nas_with_pruning") / "trials.parquet"):
        assert trial["status"] == "completed", trial["reason"]
        # Pruning takes the epochs of the last rung, and a child's.
        if trial["epochs"] >= 4:
            assert trial["parameters"] < trial["parameters_before_compaction"]
        else:
            assert trial["parameters_before_compaction"] is None
        assert trial["pruning_ratio"] == json.loads(trial["hyperparameters"])["pruning_ratio"]


@pytest.mark.parametrize("run", RUNS)
def test_every_run_has_an_epoch_and_an_energy_row_for_what_it_did(finished, run):
    epochs = read_rows(folder(finished, run) / "training.parquet")
    assert all(row["run"] == run for row in epochs)
    windows = read_rows(folder(finished, run) / "energy.parquet")
    assert [row["kind"] for row in windows].count("epoch") >= len(epochs)
    for row in windows:
        # Measured, or null with the reason: nothing in between, with a GPU or without.
        assert row["energy_j"] is not None or row["reason"]
        assert row["energy_j"] is None or row["method"] != "none"
    assert folder(finished, run).joinpath("power.parquet").is_file()


def test_figures_that_were_not_measured_are_null_with_a_reason(summary):
    for row in summary.values():
        for prefix in ("inference_energy", "single_inference_energy", "job_energy"):
            assert (row[f"{prefix}_j"] is None) == (row[f"{prefix}_method"] == "none")
            assert row[f"{prefix}_j"] is not None or row[f"{prefix}_reason"]
        assert (row["gpu_weights_bytes"] is None) == (row["gpu_memory_method"] == "none")


def test_ratios_are_to_the_baseline(summary):
    base = summary["baseline"]
    for row in summary.values():
        assert row["parameters_ratio"] == pytest.approx(row["parameters"] / base["parameters"])
        points = 100 * (row["test_accuracy"] - base["test_accuracy"])
        assert row["accuracy_change_points"] == pytest.approx(points)


@pytest.mark.long
def test_picks_and_controls_of_a_search_are_runs(finished):
    names = [
        "nas-best",
        "nas-small",
        "nas_with_pruning-knee",
        "random_search",
        "baseline_best_of_k",
        "scaled",
    ]
    tables = [f"results/digits/seed0/{name}/metrics.parquet" for name in names]
    done = finished.snakemake(*tables)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {
        name: read_rows(finished.path(path))[0] for name, path in zip(names, tables, strict=True)
    }
    trials = read_rows(folder(finished, "nas") / "trials.parquet")
    for pick in ("best", "small"):
        chosen = next((row for row in trials if pick in row["picked_as"]), None)
        chosen = chosen or next(row for row in trials if row["best"])
        assert rows[f"nas-{pick}"]["parameters"] == chosen["parameters"]
        epochs = read_rows(folder(finished, f"nas-{pick}") / "training.parquet")
        assert {epoch["trial"] for epoch in epochs} == {chosen["trial"]}
    found = next(row for row in trials if row["best"])
    assert 0.5 * found["parameters"] < rows["scaled"]["parameters"] <= found["parameters"]
    # Two nets of 3 epochs each; the first is the baseline.
    assert rows["baseline_best_of_k"]["job_epochs"] == 6
    baseline = read_rows(folder(finished, "baseline") / "metrics.parquet")[0]
    best = rows["baseline_best_of_k"]["validation_loss"]
    assert best <= baseline["validation_loss"] + 1e-6
    assert rows["random_search"]["stage"] == "random_search"
    # A dry run plans nothing more: the picks are the search's own outputs.
    assert finished.planned(*tables) == {}
