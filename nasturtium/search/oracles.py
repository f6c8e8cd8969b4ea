"""Oracles: which hyperparameters next? They know nothing of how a trial is run."""

from collections.abc import Mapping

import keras_tuner
import numpy as np
from autokeras.tuners.greedy import GreedyOracle
from keras_tuner.engine.trial import TrialStatus

from nasturtium.errors import SearchError
from nasturtium.models.search_space import SearchSpace

SCORE = "score"

_MOST_PROPOSALS = 50


class DistinctGreedyOracle(GreedyOracle):
    """AutoKeras's greedy oracle, but no net is tried twice.

    AutoKeras compares hyperparameters, and these may differ in a layer that the net does not
    have; the trial is then spent on a net whose score is known.
    """

    def __init__(self, space: SearchSpace, **kwargs):
        super().__init__(**kwargs)
        self._space = space
        self._seen: set[str] = set()

    def populate_space(self, trial_id: str) -> dict:
        """Hyperparameters of a net that is new to this search; stops when none is found."""
        for _ in range(_MOST_PROPOSALS):
            proposal = super().populate_space(trial_id)
            if proposal["status"] != TrialStatus.RUNNING:
                return proposal
            signature = self._space.signature(proposal["values"])
            if signature not in self._seen:
                self._seen.add(signature)
                return proposal
        return {"status": TrialStatus.STOPPED, "values": None}


def make_oracle(settings: Mapping, space: SearchSpace, seed: int) -> keras_tuner.Oracle:
    """The oracle that ``search.tuner`` names, to start from the middle of ``space``.

    Raises
    ------
    SearchError
        It is not known.
    """
    if settings["tuner"] != "greedy":
        raise SearchError(f"Tuner '{settings['tuner']}' is not known; search.tuner can be greedy.")
    # AutoKeras's greedy oracle draws from NumPy's global generator, and KerasTuner takes seed 0
    # for "none given".
    np.random.seed(seed)  # noqa: NPY002
    return DistinctGreedyOracle(
        space,
        objective=keras_tuner.Objective(SCORE, "min"),
        initial_hps=[space.middle()],
        max_trials=settings["trials"],
        seed=seed + 1,
        max_consecutive_failed_trials=settings["max_consecutive_failures"],
    )
