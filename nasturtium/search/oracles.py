"""Oracles choose the next hyperparameters. They do not know how a trial is run."""

import itertools
import logging
import random
from collections.abc import Mapping

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
from nasturtium.search.limits import MOST_SKIPPED_IN_A_ROW

SCORE = "score"

logger = logging.getLogger(__name__)

# An oracle may keep proposing known nets: after this many proposals, nets are drawn at random.
_OWN_PROPOSALS, _BLIND_PROPOSALS = 50, 2000


class Patient:
    """Mixin for KerasTuner's oracles: a skipped net is neither a trial nor a failure."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._skipped: set[str] = set()

    def skip(self, trial_id: str) -> None:
        """The trial was not trained; another one takes its place."""
        self._skipped.add(trial_id)
        self.max_trials += 1

    def give_up(self) -> None:
        """Propose no further net."""
        logger.warning(
            "The last %d nets were all unfit for search.constraints, or for the pruning: the "
            "search ends after %d trials; loosen them, or give the space other sizes.",
            MOST_SKIPPED_IN_A_ROW,
            len(self.trials) - len(self._skipped),
        )
        self.end()

    def end(self) -> None:
        """Propose no further net, without a warning."""
        self.max_trials = len(self.trials)

    def _check_consecutive_failures(self) -> None:
        # KerasTuner counts from the first trial on; only the last ones can change the count.
        ended = self.end_order
        counting = (name for name in reversed(ended) if name not in self._skipped)
        last = list(itertools.islice(counting, self.max_consecutive_failed_trials))
        self.end_order = last[::-1]
        try:
            super()._check_consecutive_failures()
        finally:
            self.end_order = ended

    def save(self) -> None:
        """Do nothing: KerasTuner would write all trials twice per trial, and nobody reads that."""


class _Distinct(Patient):
    """Mixin for KerasTuner's oracles: they begin with the start nets, and try no net twice.

    The oracles compare hyperparameters. These may differ only in a layer that the net does not
    have, and the trial would be spent on a net whose score is known.
    """

    def __init__(self, space: SearchSpace, **kwargs):
        super().__init__(**kwargs)
        self._space = space
        self._starts = space.starts()
        self._seen: set[str] = set()
        self._blind = random.Random(self.seed)

    def populate_space(self, trial_id: str) -> dict:
        """Hyperparameters of a net that is new to this search; stops when none is found."""
        while self._starts:
            values = self._starts.pop(0)
            if self._is_new(values):
                return {"status": TrialStatus.RUNNING, "values": values}
        for _ in range(_OWN_PROPOSALS):
            proposal = super().populate_space(trial_id)
            if proposal["status"] != TrialStatus.RUNNING:
                break
            if self._is_new(proposal["values"]):
                return proposal
        for _ in range(_BLIND_PROPOSALS):
            values = {hp.name: self._drawn(hp) for hp in self.get_space().space}
            if self._is_new(values):
                return {"status": TrialStatus.RUNNING, "values": values}
        tell_exhausted(len(self._seen), self.max_trials)
        return {"status": TrialStatus.STOPPED, "values": None}

    def _is_new(self, values: Mapping) -> bool:
        signature = self._space.signature(values)
        is_new = signature not in self._seen
        self._seen.add(signature)
        return is_new

    def _drawn(self, hp: keras_tuner.engine.hyperparameters.HyperParameter) -> object:
        return hp.random_sample(self._blind.randrange(2**31))


def tell_exhausted(found: int, asked: int) -> None:
    """Warn that a search ends before it has run all its trials."""
    logger.warning(
        "The space has no further net that this search could find: it ends after %d of %d trials; "
        "give the space more choices, or the search fewer trials.",
        found,
        asked,
    )


class DistinctGreedyOracle(_Distinct, GreedyOracle):
    """AutoKeras's greedy oracle, which changes the best net so far."""


class _DistinctRandomOracle(_Distinct, RandomSearchOracle):
    """Random search."""


class _DistinctBayesianOracle(_Distinct, BayesianOptimizationOracle):
    """Gaussian processes."""


class LimitedHyperbandOracle(Patient, HyperbandOracle):
    """Hyperband that also ends after ``max_trials``; promoted nets are trained from the start."""

    def __init__(self, max_trials: int, **kwargs):
        super().__init__(**kwargs)
        self.max_trials = max_trials


def make_oracle(settings: Mapping, tuner: str, space: SearchSpace, seed: int):
    """The KerasTuner oracle ``tuner``; all but ``hyperband`` begin with the start nets.

    Parameters
    ----------
    settings
        Section ``search``.

    Raises
    ------
    SearchError
        The tuner is unknown.
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
        return DistinctGreedyOracle(space, max_trials=trials, **common)
    if tuner == "random":
        return _DistinctRandomOracle(space, max_trials=trials, **common)
    if tuner == "bayesian":
        return _DistinctBayesianOracle(space, max_trials=trials, **common)
    if tuner == "hyperband":
        return LimitedHyperbandOracle(trials, max_epochs=settings["epochs"], **common)
    raise SearchError(
        f"Tuner '{tuner}' is not known; choose greedy, random, bayesian, hyperband or pareto."
    )
