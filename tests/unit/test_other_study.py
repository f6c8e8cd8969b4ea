"""A second study in the same folder never uses or replaces results silently."""

import pytest

from nasturtium.errors import ConfigError
from nasturtium.settings import configuration, other_study
from nasturtium.settings.schema import load_schema


def validated(**config):
    return configuration.validated(config, load_schema())


def test_another_configuration_does_not_overwrite_runs(tmp_path):
    first, second = validated(), validated(training={"epochs": 7})
    other_study.check(first, [], tmp_path)  # nothing there yet
    other_study.remember(first, [], tmp_path)
    (tmp_path / "digits").mkdir()
    with pytest.raises(
        ConfigError, match=r"digits: has runs of another study with other settings, made"
    ):
        other_study.check(second, ["mine.yaml"], tmp_path)
    # Edited, it is the same study.
    other_study.check(second, [], tmp_path)


def test_studies_that_share_no_run_live_side_by_side(tmp_path):
    first, second = validated(), validated(datasets=["mnist"], training={"epochs": 7})
    other_study.remember(first, ["a.yaml"], tmp_path)
    (tmp_path / "digits").mkdir()
    assert other_study.check(second, ["b.yaml"], tmp_path) is None
    (tmp_path / "summary.parquet").touch()
    said = other_study.check(second, ["b.yaml"], tmp_path)
    assert "this study replaces the summary and the report of a.yaml" in said
    other_study.remember(second, ["b.yaml"], tmp_path)
    # The first one's runs are still known.
    with pytest.raises(ConfigError, match=r"remove .*study\.json to overwrite"):
        other_study.check(validated(training={"epochs": 7}), ["c.yaml"], tmp_path)


@pytest.mark.parametrize("more", [{"seeds": [0, 1]}, {"pruning": {"ratios": [0.9]}}])
def test_more_runs_of_the_same_settings_are_no_other_study(tmp_path, more):
    other_study.remember(validated(), [], tmp_path)
    (tmp_path / "digits").mkdir()
    other_study.check(validated(**more), ["more.yaml"], tmp_path)


def test_the_study_after_the_first_look_makes_its_runs_again(tmp_path):
    look, study = validated(training={"epochs": 7}), validated()
    other_study.remember(look, ["/home/me/nasturtium/config/try.yaml"], tmp_path)
    (tmp_path / "digits").mkdir()
    said = other_study.check(study, [], tmp_path)
    assert "digits: this study runs the runs of the first look again" in said
    other_study.remember(study, [], tmp_path)
    # The other way round a study's runs are not thrown away for a look.
    with pytest.raises(ConfigError, match="runs of another study"):
        other_study.check(look, ["/home/me/nasturtium/config/try.yaml"], tmp_path)
