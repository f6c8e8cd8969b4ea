"""Optuna's samplers, made cheap enough for several proposals per net."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup
from optuna.trial import FrozenTrial, TrialState


class LazyTPESampler(optuna.samplers.TPESampler):
    """Samples a group of hyperparameters when a net first asks for one of them.

    Optuna samples all groups for each trial, also those of layers that the net does not have, and
    each takes several milliseconds.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._group_decomposed_search_space = _Groups()

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Mapping[str, Any]:
        """Values by name, each sampled with its group when it is looked up."""
        groups = [
            {name: part[name] for name in sorted(part) if name in search_space}
            for part in self._search_space_group.search_spaces
        ]
        return _Lazy(groups, lambda group: self._sample_relative(study, trial, group))


class _Groups(_GroupDecomposedSearchSpace):
    """The groups, updated by new trials only; Optuna's class goes through all trials every time."""

    def __init__(self):
        super().__init__(include_pruned=True)
        self._seen: set[int] = set()

    def calculate(self, study: optuna.Study, use_cache: bool = False) -> _SearchSpaceGroup:
        """The groups, including those of trials that ended since the last call."""
        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        for trial in study._get_trials(deepcopy=False, states=ended, use_cache=use_cache):
            if trial.number not in self._seen:
                self._seen.add(trial.number)
                self._search_space.add_distributions(trial.distributions)
        return copy.deepcopy(self._search_space)


class _Lazy(Mapping):
    def __init__(self, groups: list[dict[str, BaseDistribution]], sample):
        self._groups = {name: group for group in groups for name in group}
        self._sample, self._sampled = sample, {}

    def __getitem__(self, name: str) -> object:
        group = self._groups[name]
        key = tuple(group)
        if key not in self._sampled:
            self._sampled[key] = self._sample(group)
        return self._sampled[key][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)


class NearTrial:
    """Hyperparameters near those of a known net: each is kept, or drawn at random.

    It takes the place of a trial until its net turns out to be new, so that known nets cost the
    study nothing: in a shared study, each hyperparameter of a trial is written to disk.

    Parameters
    ----------
    values
        The known net's hyperparameters, as Optuna stores them.
    share
        Share of the hyperparameters that are drawn.
    seed
        Seed of the draws.

    Attributes
    ----------
    params, distributions
        By name, of the hyperparameters that were suggested.
    """

    def __init__(self, values: Mapping[str, Any], share: float, seed: int):
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}
        self._values, self._share = values, share
        self._drawn = np.random.default_rng(seed)
        self._blind = optuna.samplers.RandomSampler(seed=seed)

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """An integer, as of ``optuna.Trial``."""
        return self._suggest(name, IntDistribution(low, high, log, step))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number, as of ``optuna.Trial``."""
        return self._suggest(name, FloatDistribution(low, high, log, step))

    def suggest_categorical(self, name: str, choices: Sequence) -> Any:
        """One of the choices, as of ``optuna.Trial``."""
        return self._suggest(name, CategoricalDistribution(choices))

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self._values and self._drawn.random() >= self._share:
            value = self._values[name]
        else:
            # Of study and trial the random sampler uses nothing.
            value = self._blind.sample_independent(None, None, name, distribution)
        self.distributions[name] = distribution
        return self.params.setdefault(name, value)
