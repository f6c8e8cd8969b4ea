"""The profile for Slurm replaces the default one, and has every rule that needs much."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


def rules_with_a_gpu() -> set[str]:
    """Also the rules that another rule makes by ``use rule ... as``."""
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    bodies = re.split(r"^(?=rule |use rule )", text, flags=re.MULTILINE)
    with_gpu = [body for body in bodies if re.search("gpu=(1|training_gpus),", body)]
    found = {re.match(r"rule (\w+)", body).group(1) for body in with_gpu}
    pairs = re.findall(r"^use rule (\w+) as (\w+)", text, re.MULTILINE)
    return found | {new for old, new in pairs if old in found}


def test_it_sets_what_the_default_profile_sets_but_the_limit_on_gpus():
    default = profile("default")
    assert default.pop("resources") == ["gpu=1"]
    slurm = profile("slurm")
    assert {key: slurm.get(key) for key in default} == default
    assert "resources" not in slurm


def test_every_rule_that_trains_or_searches_has_memory_and_time_of_its_own():
    given = profile("slurm")["set-resources"]
    # What measures needs no more than the default.
    assert rules_with_a_gpu() - {"measure", "latency"} == set(given) - {"prepare_data"}
    assert all(set(needs) <= {"mem_mb", "runtime"} for needs in given.values())


@pytest.mark.parametrize("size_mb", [0, 1300])
def test_a_second_attempt_gets_more_of_both(size_mb):
    def value(expression: str, attempt: int) -> float:
        files = type("Files", (), {"size_mb": size_mb})
        return eval(expression, {"input": files, "attempt": attempt})

    slurm = profile("slurm")
    expressions = [entry.partition("=")[2] for entry in slurm["default-resources"]]
    for needs in slurm["set-resources"].values():
        expressions += needs.values()
    for expression in expressions:
        assert value(expression, 2) >= 2 * value(expression, 1) > 0
