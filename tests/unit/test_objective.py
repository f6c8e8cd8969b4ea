"""The objective's algebra, and the Pareto front by brute force."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasturtium.errors import SearchError
from nasturtium.search.objective import TERMS, make_objective
from nasturtium.statistics.pareto import pareto_front

WEIGHTS = {"validation_loss": 1.0, "parameters": 0.1}
REFERENCE = {"validation_loss": 0.5, "parameters": 1000}
positive = st.floats(1e-6, 1e6)


def objective(weights=WEIGHTS, reference=REFERENCE):
    return make_objective(weights, reference, {})


def test_the_baseline_scores_zero():
    assert objective().score(REFERENCE) == 0.0


@given(loss=positive, parameters=st.integers(1, 10**9), factor=st.floats(0.01, 100))
def test_a_factor_on_a_value_adds_its_logarithm_times_the_weight(loss, parameters, factor):
    before = objective().score({"validation_loss": loss, "parameters": parameters})
    after = objective().score({"validation_loss": loss, "parameters": parameters * factor})
    assert after - before == pytest.approx(0.1 * math.log(factor), abs=1e-9)


@given(loss=positive, scale=st.floats(0.001, 1000))
def test_the_unit_of_a_value_does_not_matter(loss, scale):
    values = {"validation_loss": loss, "parameters": 10}
    scaled = {"validation_loss": loss * scale, "parameters": 10}
    other = objective(reference={"validation_loss": 0.5 * scale, "parameters": 1000})
    assert other.score(scaled) == pytest.approx(objective().score(values), abs=1e-9)


@given(loss=positive, better=st.floats(0.01, 0.99))
def test_lower_is_better(loss, better):
    high = {"validation_loss": loss, "parameters": 10}
    low = {"validation_loss": loss * better, "parameters": 10}
    assert objective().score(low) < objective().score(high)


def test_a_tenth_of_the_parameters_is_worth_a_quarter_more_loss():
    # The example in the module's docstring.
    values = {"validation_loss": 0.5 * 10**0.1, "parameters": 100}
    assert objective().score(values) == pytest.approx(0.0, abs=1e-12)


def test_a_term_that_was_not_measured_is_dropped_for_the_whole_search_with_a_warning(caplog):
    weights = {**WEIGHTS, "training_energy": 0.5}
    reasons = {"training_energy_j": "no GPU"}
    made = make_objective(weights, {**REFERENCE, "training_energy_j": None}, reasons)
    assert made.dropped == {"training_energy": "no GPU"}
    assert "'training_energy' is left out of this search: no GPU" in caplog.text
    assert set(made.weights) == set(WEIGHTS)
    # A trial's figure no longer counts either.
    assert made.score({**REFERENCE, "training_energy_j": 5.0}) == 0.0


def test_a_weight_of_zero_switches_a_term_off_without_a_warning(caplog):
    made = make_objective({**WEIGHTS, "latency": 0}, REFERENCE, {})
    assert "latency" not in made.weights
    assert not made.dropped
    assert not caplog.text


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -1.0])
def test_a_trial_without_a_figure_that_counts_can_t_be_scored(value):
    with pytest.raises(SearchError, match="'validation_loss'"):
        objective().score({"validation_loss": value, "parameters": 10})


def test_a_loss_of_zero_is_very_good_but_finite():
    score = objective().score({"validation_loss": 0.0, "parameters": 1000})
    assert -100 < score < -10


def test_an_objective_without_terms_is_refused():
    with pytest.raises(SearchError, match="No term"):
        make_objective({"latency": 1.0}, {"tflite_latency_ms": None}, {})


def test_every_term_has_a_column_of_trials():
    from nasturtium.records.trials import TRIALS

    assert set(TERMS.values()) <= set(TRIALS.names)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_not_dominated_and_complete(points):
    front = [point for point, on in zip(points, pareto_front(points), strict=True) if on]
    rest = [point for point, on in zip(points, pareto_front(points), strict=True) if not on]

    def better(a, b):
        return a[0] <= b[0] and a[1] <= b[1] and a != b

    assert front
    assert not any(better(a, b) for a in points for b in front)
    assert all(any(better(a, b) for a in front) for b in rest)
