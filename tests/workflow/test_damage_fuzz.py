"""A minute of damage to a finished study: no traceback, and no silent change."""

import pytest

from tests.damage_fuzz import files, fuzz_commands, fuzz_reading, is_good

READING_S, COMMANDS_S = 20, 40


@pytest.mark.long
def test_damage_is_named_or_does_nothing(finished):
    kinds = {path.name for path in files(finished.folder)}
    assert {"features.npy", "seed0.split.npz", "metrics.parquet", "trial.json"} <= kinds
    cases = fuzz_reading(finished.folder, 1000, seed=1, most_s=READING_S)
    assert len(cases) >= 20
    assert [case for case in cases if not is_good(case)] == []
    # Enough of it must be noticed: a fuzzer that damages nothing would find nothing.
    assert sum(case.outcome == "named" for case in cases) > len(cases) / 2


@pytest.mark.long
def test_the_same_command_after_damage_ends_well_or_names_it(finished):
    cases = fuzz_commands(finished.folder, 20, seed=1, most_s=COMMANDS_S)
    assert [case for case in cases if not is_good(case)] == []
