"""Samplers that propose many nets: they are cheap, and stay near known nets on request."""

import optuna
import pytest
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup

from nasturtium.search.study.samplers import LazyTPESampler, NearTrial

optuna.logging.set_verbosity(optuna.logging.WARNING)
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


def conditional(trial) -> tuple[float, float]:
    if trial.suggest_categorical("kind", ["a", "b"]) == "a":
        x = trial.suggest_int("a_units", 0, 30)
    else:
        x = trial.suggest_int("b_units", 0, 30) + 5
    return abs(x - 20), x


def study_of(sampler) -> optuna.Study:
    return optuna.create_study(sampler=sampler, directions=["minimize", "minimize"])


def test_only_groups_that_a_net_asks_for_are_sampled(monkeypatch):
    options = {"seed": 0, "n_startup_trials": 8, "multivariate": True, "group": True}
    study = study_of(LazyTPESampler(**options))
    study.optimize(conditional, n_trials=30)
    asked, sample = [], LazyTPESampler._sample

    def watched(self, study, trial, space):
        asked.extend(space)
        return sample(self, study, trial, space)

    monkeypatch.setattr(LazyTPESampler, "_sample", watched)
    trial = study.ask()
    kind = trial.suggest_categorical("kind", ["a", "b"])
    trial.suggest_int(f"{kind}_units", 0, 30)
    assert sorted(asked) == sorted({"kind", f"{kind}_units"})
    # A name that no trial had before is sampled by itself.
    assert 0 <= trial.suggest_int("new", 0, 3) <= 3


def test_each_trial_is_looked_at_once_for_the_groups_and_they_are_optuna_s(monkeypatch):
    options = {"seed": 0, "n_startup_trials": 8, "multivariate": True, "group": True}
    study = study_of(LazyTPESampler(**options))
    looked, add = [], _SearchSpaceGroup.add_distributions

    def watched(self, distributions):
        looked.append(set(distributions))
        add(self, distributions)

    monkeypatch.setattr(_SearchSpaceGroup, "add_distributions", watched)
    study.optimize(conditional, n_trials=30)
    conditional(study.ask())
    assert len(looked) == 30
    groups = study.sampler._search_space_group.search_spaces
    whole = _GroupDecomposedSearchSpace(True).calculate(study).search_spaces
    assert sorted(map(sorted, groups)) == sorted(map(sorted, whole))


@pytest.mark.parametrize(("share", "same"), [(0.0, 100), (1.0, 0), (0.3, 70)])
def test_a_near_net_has_most_values_of_the_known_one(share, same):
    values = {f"x{n}": 500 for n in range(100)}
    trial = NearTrial(values, share, seed=1)
    found = [trial.suggest_int(name, 0, 1000) for name in values]
    assert found.count(500) == pytest.approx(same, abs=15)
    assert list(trial.params.values()) == found
    again = NearTrial(values, share, seed=1)
    assert [again.suggest_int(name, 0, 1000) for name in values] == found


def test_the_study_takes_what_a_near_trial_suggested():
    trial = NearTrial({"kind": "a"}, 0.0, seed=1)
    assert trial.suggest_categorical("kind", ["a", "b"]) == "a"
    assert trial.suggest_float("rate", 0.1, 0.1) == 0.1
    assert 0.001 <= trial.suggest_float("decay", 0.001, 1.0, log=True) <= 1.0
    study = study_of(optuna.samplers.RandomSampler(seed=0))
    study.add_trial(
        optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=trial.params,
            distributions=trial.distributions,
        )
    )
    assert study.trials[0].params == trial.params
