"""The cubic schedule: shape, fit to the training, refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasturtium.errors import PruningError
from nasturtium.pruning.schedule import CubicSchedule


@given(
    st.integers(20, 100_000),
    st.floats(0.01, 0.99),
    st.floats(0, 0.4),
    st.floats(0.05, 0.4),
)
def test_a_schedule_made_for_a_training_fits_it(total, ratio, warm_up, recovery):
    schedule = CubicSchedule.from_training(total, ratio, warm_up, recovery)
    assert schedule.frequency <= total / 20
    assert 0 <= schedule.begin_step < schedule.end_step
    assert (schedule.end_step - schedule.begin_step) % schedule.frequency == 0
    assert total - schedule.end_step >= recovery * total - 1e-6
    assert schedule.ratio_at(schedule.end_step) == pytest.approx(ratio, abs=1e-12)
    assert schedule.ratio_at(total) == schedule.ratio_at(schedule.end_step)
    assert schedule.last_update(total) == schedule.end_step


def test_it_is_equation_one_of_zhu_and_gupta():
    schedule = CubicSchedule(0.8, 10, 50, 4)
    assert schedule.ratio_at(0) == schedule.ratio_at(10) == 0
    assert schedule.ratio_at(30) == pytest.approx(0.8 + (0 - 0.8) * (1 - 20 / 40) ** 3)
    ratios = [schedule.ratio_at(step) for step in range(70)]
    assert ratios == sorted(ratios)


def test_updates_come_at_the_frequency():
    schedule = CubicSchedule(0.5, 10, 20, 5)
    updates = [schedule.last_update(step) for step in (0, 10, 14, 15, 19, 20, 99)]
    assert updates == [None, None, None, 15, 15, 20, 20]


def test_the_first_admissible_epoch_lies_wholly_after_the_end():
    schedule = CubicSchedule(0.5, 0, 100, 10)
    assert schedule.first_admissible_epoch(50) == 2
    assert schedule.first_admissible_epoch(51) == 2
    assert schedule.first_admissible_epoch(49) == 3
    assert schedule.first_admissible_epoch(1000) == 1


@pytest.mark.parametrize("total", [0, 1, 5, 19])
def test_a_training_of_a_few_steps_is_refused(total):
    with pytest.raises(PruningError, match="too short"):
        CubicSchedule.from_training(total, 0.5)


def test_a_schedule_longer_than_the_training_is_refused():
    schedule = CubicSchedule(0.5, 0, 100, 10)
    schedule.check_fits(epochs=5, steps_per_epoch=30)
    with pytest.raises(PruningError, match="only 90 steps"):
        schedule.check_fits(epochs=3, steps_per_epoch=30)
    with pytest.raises(PruningError, match="completely after"):
        schedule.check_fits(epochs=1, steps_per_epoch=110)


@pytest.mark.parametrize("ratio", [0, 1, -0.1, 1.5, float("nan")])
def test_a_ratio_that_is_no_share_is_refused(ratio):
    with pytest.raises(PruningError, match="pruning ratio"):
        CubicSchedule.from_training(1000, ratio)


@pytest.mark.parametrize(("warm_up", "recovery"), [(0.6, 0.4), (-0.1, 0.3), (0.1, 0), (0.5, 0.6)])
def test_shares_without_room_are_refused(warm_up, recovery):
    with pytest.raises(PruningError, match="leave no steps for pruning"):
        CubicSchedule.from_training(1000, 0.5, warm_up, recovery)


@pytest.mark.parametrize("steps", [(0, 95, 10), (10, 10, 1), (-5, 5, 1), (0, 10, 0)])
def test_steps_that_do_not_end_on_an_update_are_refused(steps):
    with pytest.raises(PruningError, match="end with an update"):
        CubicSchedule(0.5, *steps)
