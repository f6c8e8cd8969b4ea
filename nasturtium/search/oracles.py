"""Oracles: which hyperparameters next? They know nothing of how a trial is run."""

import random
from collections.abc import Callable, Mapping

import keras_tuner
import numpy as np
from autokeras.tuners.greedy import GreedyOracle
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    HyperbandOracle,
    RandomSearchOracle,
)

from nasturtium.errors import SearchError
from nasturtium.models.search_space import SearchSpace

SCORE = "score"

_MOST_PROPOSALS = 50


def distinct(
    propose: Callable[[str], dict], trial_id: str, space: SearchSpace, seen: set[str]
) -> dict:
    """A proposal whose net is not in ``seen``, to which it is added; or the end of the search."""
    for _ in range(_MOST_PROPOSALS):
        proposal = propose(trial_id)
        if proposal["status"] != TrialStatus.RUNNING:
            return proposal
        signature = space.signature(proposal["values"])
        if signature not in seen:
            seen.add(signature)
            return proposal
    return {"status": TrialStatus.STOPPED, "values": None}


class _Distinct:
    """Before an oracle of KerasTuner's: no net is tried twice.

    The oracles compare hyperparameters, and these may differ in a layer that the net does not
    have; the trial is then spent on a net whose score is known.
    """

    def __init__(self, space: SearchSpace, **kwargs):
        super().__init__(**kwargs)
        self._space = space
        self._seen: set[str] = set()

    def populate_space(self, trial_id: str) -> dict:
        """Hyperparameters of a net that is new to this search; stops when none is found."""
        return distinct(super().populate_space, trial_id, self._space, self._seen)


class DistinctGreedyOracle(_Distinct, GreedyOracle):
    """AutoKeras's greedy oracle, which changes the best net so far."""


class _DistinctRandomOracle(_Distinct, RandomSearchOracle):
    """Random search."""


class LimitedHyperbandOracle(HyperbandOracle):
    """Hyperband that also ends after ``max_trials``; a promoted net is trained anew."""

    def __init__(self, max_trials: int, **kwargs):
        super().__init__(**kwargs)
        self.max_trials = max_trials


def make_oracle(settings: Mapping, tuner: str, space: SearchSpace, seed: int):
    """The KerasTuner oracle ``tuner``; ``greedy`` starts from the middle of ``space``.

    Parameters
    ----------
    settings
        Section ``search``.

    Raises
    ------
    SearchError
        It is not known.
    """
    # AutoKeras's greedy oracle draws from the global generators, and KerasTuner takes seed 0 for
    # "none given".
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    common = {
        "objective": keras_tuner.Objective(SCORE, "min"),
        "seed": seed + 1,
        "max_consecutive_failed_trials": settings["max_consecutive_failures"],
    }
    trials = settings["trials"]
    if tuner == "greedy":
        return DistinctGreedyOracle(
            space, initial_hps=[space.middle()], max_trials=trials, **common
        )
    if tuner == "random":
        return _DistinctRandomOracle(space, max_trials=trials, **common)
    if tuner == "bayesian":
        return BayesianOptimizationOracle(max_trials=trials, **common)
    if tuner == "hyperband":
        return LimitedHyperbandOracle(trials, max_epochs=settings["epochs"], **common)
    raise SearchError(
        f"Tuner '{tuner}' is not known; choose greedy, random, bayesian, hyperband or pareto."
    )
