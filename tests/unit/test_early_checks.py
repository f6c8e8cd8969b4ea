"""Mistakes that can be found before anything runs give one sentence at once."""

import ast
from pathlib import Path

import pytest

from nasturtium.errors import ConfigError
from nasturtium.settings import configuration, early_checks
from nasturtium.settings.plan import wildcard_patterns
from nasturtium.settings.schema import load_schema

ROOT = Path(__file__).parents[2]
OWN = {"format": "csv", "path": "a.csv", "task": "regression", "target": "y"}
OWN = {**OWN, "reference": {"mlp": [2]}}


def validated(**config):
    return configuration.validated(config, load_schema())


@pytest.mark.parametrize(
    ("pruning", "where"),
    [
        ({"warm_up": 0.7, "recovery": 0.3}, ""),
        ({"warm_up": 0.5, "recovery": 0.1, "epochs": 2}, ""),
        ({"warm_up": 0.9}, "per_dataset.mnist."),
        # Two epochs of three, as the recovery is of whole ones.
        ({"warm_up": 0.4, "recovery": 0.5, "epochs": 3}, ""),
    ],
)
def test_a_retraining_without_time_to_prune_in_is_refused_at_once(pruning, where):
    config = {"pruning": pruning}
    if where:
        config = {"per_dataset": {"mnist": config}}
    with pytest.raises(
        ConfigError, match=rf"'{where}pruning\.warm_up' .*leave no time for pruning"
    ):
        validated(**config)


def test_a_data_set_that_is_described_but_not_named_is_said():
    config = validated(own_datasets={"cars": OWN, "shapes": OWN}, datasets=["digits", "cars"])
    assert "'shapes' is described under 'own_datasets', but 'datasets'" in early_checks.unlisted(
        config
    )
    assert early_checks.unlisted(validated(own_datasets={"cars": OWN}, datasets=["cars"])) is None


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("digits/seed0/pruned/channels-0.5", "write channels-0.50"),
        ("digits/seed0/nas_pruned/magnitude-.5", "write magnitude-0.50"),
        ("digits/seed0/pruned/channels-0.555", "0.555 is no ratio"),
        ("digits/seed0/pruned/channels-50", "choose one between 0 and 1"),
        ("digit/seed0/baseline", "there is no data set 'digit'; did you mean 'digits'"),
        ("digits/seedx/baseline", "'seedx' is no seed"),
    ],
)
def test_a_file_that_no_rule_makes_is_explained(run, said):
    with pytest.raises(ConfigError, match=said):
        early_checks.check_targets(
            [f"results/{run}/metrics.parquet"], wildcard_patterns(validated())
        )


@pytest.mark.parametrize(
    "target",
    [
        "all",
        "results/summary.parquet",
        "results/digits/seed0/pruned/channels-0.50/metrics.parquet",
        "results/digits/seed12/nas-loss/trials.parquet",
        "results/digits/seed0/retrained/nas-0003/metrics.parquet",
        "results/digits/seed0/retrained_pruned/nas-0003/channels-0.50/metrics.parquet",
        "results/digits/seed0/nas-small/metrics.parquet",
        "results/digits/figures/tradeoff.svg",
        "results/data/digits/seed0.split.npz",
    ],
)
def test_files_that_rules_make_are_left_to_them(target):
    early_checks.check_targets([target], wildcard_patterns(validated()))


def test_a_description_of_pixels_needs_height_width_and_channels():
    with pytest.raises(ConfigError, match=r"input_shape' must be \[columns\], or \[height"):
        validated(own_datasets={"cars": {**OWN, "input_shape": [8, 3]}}, datasets=["cars"])


def test_a_name_does_not_begin_with_an_underscore():
    with pytest.raises(ConfigError, match="'_x', but names may only have small letters"):
        validated(own_datasets={"_x": OWN}, datasets=["digits"])


def test_every_text_file_is_written_and_read_in_utf_8():
    # With a Latin-1 locale, Python would write the summary's signs in that, or not at all.
    methods = ("read_text", "write_text")
    for path in (ROOT / "nasturtium").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in methods:
                given = {keyword.arg for keyword in call.keywords}
                of_system = "devices" in path.parts or path.name in ("machine.py", "workers.py")
                assert "encoding" in given or of_system, f"{path}:{call.lineno}"
