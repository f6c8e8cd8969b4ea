"""Figures: equal tables give equal bytes; controls, spread and reasons are shown."""

import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from nasturtium.records.parquet import read_rows
from nasturtium.report import style, tradeoff
from nasturtium.report.points import (
    Point,
    points_of,
    spread_of,
    test_error,
    test_error_bars,
)
from nasturtium.report.pruning_curves import draw_pruning_curves
from nasturtium.report.tradeoff import draw_tradeoff
from nasturtium.stages import figures
from nasturtium.statistics.pareto import front_line
from tests.generated_study import write_study, write_summary

COSTS = (
    "parameters",
    "macs",
    "weights_gzip_bytes",
    "tflite_int8_bytes",
    "tflite_int8_arena_bytes",
    "tflite_latency_ratio",
    "gpu_inference_peak_bytes",
    "inference_energy_j",
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    rows = write_study(folder, "digits", seeds=2, ratios=[0.5, 0.9], trials=4, epochs=4)
    rows += write_study(
        folder, "cars", seeds=1, ratios=[0.5], trials=3, epochs=3, regression=True, measured=False
    )
    write_summary(folder, rows)
    return folder


@pytest.fixture
def words(monkeypatch):
    """Figures hold their text as text instead of outlines."""
    monkeypatch.setitem(style._LOOK, "svg.fonttype", "none")

    def read(path):
        return " ".join("".join(ElementTree.parse(path).getroot().itertext()).split())

    return read


def test_same_tables_give_the_same_bytes(results, tmp_path):
    for folder in ("first", "second"):
        figures.run("digits", results / "summary.parquet", tmp_path / folder)
    first = sorted((tmp_path / "first").iterdir())
    assert len(first) == 12
    for path in first:
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name
        assert b"<dc:date>" not in path.read_bytes()


def test_figures_show_controls_spread_and_units(results, tmp_path, words):
    figures.run("digits", results / "summary.parquet", tmp_path)
    tradeoff = words(tmp_path / "tradeoff.svg")
    for text in (
        "n = 2 seeds",
        "no other run is better",
        "test error (%)",
        "over the baseline's",
        "(µJ)",
    ):
        assert text in tradeoff
    stages = ("baseline", "pruned, channels", "nas", "nas_pruned, magnitude", "nas_with_pruning")
    assert all(stage in tradeoff for stage in stages)
    curves = words(tmp_path / "pruning.svg")
    for control in ("baseline_longer", "scratch, channels", "pruned, random"):
        assert f"{control} (control)" in tradeoff
        assert f"{control} (control)" in curves
    assert "hypervolume" in words(tmp_path / "search.svg")
    assert "baseline: 0" in words(tmp_path / "search.svg")
    answers = words(tmp_path / "answers.svg")
    assert "given label" in answers
    assert "4950" in answers
    choice = words(tmp_path / "choice.svg")
    assert "smallest, not told worse:" in choice
    assert "± sample standard deviation" in choice
    assert "power (W)" in words(tmp_path / "power.svg")


def test_ratios_of_points_in_one_place_are_written_once(results, tmp_path, words):
    rows = [r for r in read_rows(results / "summary.parquet") if r["dataset"] == "digits"]
    pruned = [row for row in rows if row["run"] == "pruned/channels-0.90"]
    other = [row for row in rows if row["run"] == "baseline"]
    twin = {"stage": "nas_pruned", "run": "nas_pruned/channels-0.90"}

    def names(factor: float, errors: float = 1.0) -> int:
        change = {name: pruned[0][name] * factor for name in COSTS}
        for name in ("test_accuracy", "tflite_int8_accuracy"):
            change[name] = 1 - errors * (1 - pruned[0][name])
        drawn = [*other, *pruned, *({**row, **twin, **change} for row in pruned)]
        draw_tradeoff(drawn, "digits", tmp_path / "twins.svg")
        return words(tmp_path / "twins.svg").split().count("0.9")

    panels = len(COSTS)
    assert names(1.02) == panels
    assert names(30) == names(1, errors=1.4) == 2 * panels


def test_the_int8_file_stands_at_its_own_error(results, tmp_path, monkeypatch):
    rows = [r for r in read_rows(results / "summary.parquet") if r["dataset"] == "digits"]
    drawn = {}

    def keep(panel, points, cost, handles):
        drawn[cost.label.splitlines()[0]] = [point.spread(cost.error).mean for point in points]

    monkeypatch.setattr(tradeoff, "_panel", keep)
    tradeoff.draw_tradeoff(rows, "digits", tmp_path / "t.svg")
    whole = np.array(drawn["parameters"])
    for label in drawn:
        factor = 1.02 if "its own error" in label else 1
        np.testing.assert_allclose(drawn[label], factor * whole, err_msg=label)
    assert sum("its own error" in label for label in drawn) == 2


def test_what_was_not_measured_is_a_sentence(results, tmp_path, words):
    figures.run("cars", results / "summary.parquet", tmp_path)
    assert "No power was measured: no NVIDIA driver." in words(tmp_path / "power.svg")
    tradeoff = words(tmp_path / "tradeoff.svg")
    assert tradeoff.count("no NVIDIA driver") == 1
    assert "Not measured, so not drawn: energy of a sample" in tradeoff
    assert "test MAE (kEUR)" in tradeoff
    # One seed has bars too: what the test samples leave open.
    assert "n = 1 seed, bars: 95 % interval by the test samples" in tradeoff
    assert "not pruned" not in words(tmp_path / "learning-search.svg")
    assert "predicted (kEUR)" in words(tmp_path / "answers.svg")


def test_a_summary_of_a_baseline_alone_has_figures_too(tmp_path, words):
    rows = [r for r in write_study(tmp_path, "digits", seeds=1, trials=1, epochs=2, ratios=[0.5])]
    summary = write_summary(tmp_path, [row for row in rows if row["run"] == "baseline"])
    figures.run("digits", summary, tmp_path / "figures")
    assert "has no pruned run" in words(tmp_path / "figures/pruning.svg")
    assert "no search" in words(tmp_path / "figures/search.svg")


def test_the_front_is_what_no_other_point_beats():
    points = [(1, 5), (2, 3), (3, 4), (4, 1), (4, 2), (1, 6)]
    assert front_line(points) == [(1, 5), (2, 3), (4, 1)]
    assert front_line([]) == []


def test_a_figure_that_a_seed_lacks_has_no_mean():
    assert spread_of([1.0, None]) is None
    assert spread_of([]) is None
    assert spread_of([2.0]).deviation is None
    assert spread_of([1.0, 3.0]).deviation == pytest.approx(2**0.5)


def test_a_point_is_a_run_over_its_seeds(results):
    points = {p.name: p for p in points_of(read_rows(results / "summary.parquet"), "digits")}
    assert len(points["nas"].rows) == 2
    assert points["pruned/random-0.50"].series == ("pruned", "random")


def test_drawing_needs_no_tensorflow():
    code = (
        "import sys, nasturtium.stages.figures, nasturtium.stages.pages; "
        "sys.exit('tensorflow' in sys.modules or 'tf_keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# pytest would take these for tests.
test_error.__test__ = test_error_bars.__test__ = False


def test_of_one_seed_the_bar_is_the_interval_and_of_several_the_deviation(results):
    summary = read_rows(results / "summary.parquet")
    (baseline,) = [p for p in points_of(summary, "cars") if p.name == "baseline"]
    (row,) = baseline.rows
    below, above = test_error_bars(baseline)
    assert row["test_mae"] - below == pytest.approx(row["test_mae_low"])
    assert row["test_mae"] + above == pytest.approx(row["test_mae_high"])
    several = next(p for p in points_of(summary, "digits") if p.name == "baseline")
    assert test_error_bars(several) == (several.spread(test_error).deviation,) * 2
    single = Point("baseline", several.rows[:1])
    low_error = 100 * (1 - single.rows[0]["test_accuracy_high"])
    assert test_error(single.rows[0]) - test_error_bars(single)[0] == pytest.approx(low_error)


def test_a_pruning_curve_begins_at_what_was_pruned(results, monkeypatch):
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, *_: drawn.append(figure))
    draw_pruning_curves(read_rows(results / "summary.parquet"), "digits", "nowhere")
    for panel in drawn[0].axes:
        # Error bars are containers; the lines of the unpruned nets are not.
        begins = [min(bars.lines[0].get_xdata()) for bars in panel.containers]
        assert begins.count(0) == len(begins) - begins.count(0.5)
        assert begins.count(0) >= 2
    for panel in drawn[0].axes[2:]:
        assert panel.get_ylim()[0] == 0
