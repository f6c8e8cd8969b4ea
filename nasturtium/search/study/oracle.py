"""An oracle that seeks the whole Pareto front, by Optuna (Akiba et al. 2019, arXiv 1907.10902)."""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence

import keras_tuner
import optuna
from keras_tuner.engine import hyperparameters as kinds
from keras_tuner.engine.trial import TrialStatus
from optuna.trial import TrialState

from nasturtium.errors import SearchError
from nasturtium.models.search_space import SearchSpace
from nasturtium.search.expected import as_expected
from nasturtium.search.limits import SKIPPED
from nasturtium.search.objective import TERMS
from nasturtium.search.oracles import SCORE, Patient, tell_exhausted
from nasturtium.search.study.samplers import LazyTPESampler, NearTrial

logger = logging.getLogger(__name__)

# If the sampler proposes known nets, nets near its first one are tried, then random ones.
_SAMPLED_PROPOSALS, _NEAR_PROPOSALS, _MOST_PROPOSALS = 2, 20, 400
_POPULATION = 16
# Attributes of a study's trials, and one of the study.
SIGNATURE, FAILED = "signature", "failed"
_STARTED = "started"


def make_study(
    *,
    objectives: int,
    sampler: str,
    seed: int,
    storage: optuna.storages.BaseStorage | None = None,
    name: str = "search",
) -> optuna.Study:
    """A study that minimises this number of values, in memory or shared through ``storage``.

    ``tpe`` is the multi-objective tree-structured Parzen estimator (Ozaki et al. 2022, JAIR 73),
    ``nsga2`` NSGA-II (Deb et al. 2002, IEEE TEC 6(2)) with constraint domination.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # With grouping, TPE respects conditional hyperparameters; Optuna calls it experimental.
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    if sampler == "tpe":
        chosen = LazyTPESampler(
            seed=seed,
            n_startup_trials=8,
            multivariate=True,
            group=True,
            constant_liar=storage is not None,
        )
    else:
        chosen = optuna.samplers.NSGAIISampler(seed=seed, population_size=_POPULATION)
    return optuna.create_study(
        study_name=name,
        storage=storage,
        sampler=chosen,
        directions=["minimize"] * objectives,
        load_if_exists=True,
    )


class ParetoOracle(Patient, keras_tuner.Oracle):
    """An Optuna study as an oracle of KerasTuner.

    A hyperparameter is suggested when the description of the net asks for it, so that Optuna knows
    exactly those that the net has. No net is tried twice.

    Parameters
    ----------
    terms
        Terms of the objective that are minimised separately.
    constraints
        Largest allowed value by term.
    outcome
        A trial's row by its name, once it has run.
    """

    def __init__(
        self,
        space: SearchSpace,
        study: optuna.Study,
        *,
        terms: Sequence[str],
        constraints: Mapping[str, float],
        outcome: Callable[[str], Mapping],
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._space, self._study = space, study
        self._terms, self._constraints = list(terms), dict(constraints)
        self._outcome = outcome
        self._wanted = self.max_trials
        self._asked: dict[str, optuna.Trial] = {}
        self._restore()
        if not study.user_attrs.get(_STARTED):
            for values in space.starts():
                study.enqueue_trial(self._parameters(values), skip_if_exists=True)
            study.set_user_attr(_STARTED, True)

    def name(self, trial_id: str) -> str:
        """The trial's unique name among all trials of the search."""
        return f"{int(trial_id):04d}"

    def _restore(self) -> None:
        """Tell the study of trials that it does not know; there are none if it is in memory."""

    def populate_space(self, trial_id: str) -> dict:
        """Hyperparameters of a net that is new to this study; stops when none is found."""
        # No other worker claims a trial in the meantime.
        counting = self._counting()
        if len(counting) >= self._wanted:
            return {"status": TrialStatus.STOPPED, "values": None}
        trials = self._study.get_trials(deepcopy=False)
        skipped = [trial for trial in trials if SKIPPED in trial.user_attrs]
        known = {trial.user_attrs[SIGNATURE] for trial in (*counting, *skipped)}
        queued = [trial for trial in trials if trial.state == TrialState.WAITING]
        near: Mapping = {}
        for proposal in range(_MOST_PROPOSALS):
            is_asked = proposal < _SAMPLED_PROPOSALS + len(queued)
            trial = self._study.ask() if is_asked else self._drafted(near, proposal)
            values = self._space.suggest(Suggesting(trial))
            signature = self._space.signature(values)
            if signature not in known:
                trial = trial if is_asked else self._added(trial)
                self._claim(trial, signature)
                self._asked[trial_id] = trial
                return {"status": TrialStatus.RUNNING, "values": values}
            near = near or trial.params
            if is_asked:
                self._study.tell(trial, state=TrialState.FAIL)
        tell_exhausted(len(counting), self._wanted)
        return {"status": TrialStatus.STOPPED, "values": None}

    def _drafted(self, near: Mapping, proposal: int) -> NearTrial:
        """A proposal near a known net: the sampler's model keeps proposing known ones."""
        share = min(1.0, proposal / _NEAR_PROPOSALS)
        # With the same seed, every trial would get the same few nets.
        seed = self.seed + _MOST_PROPOSALS * len(self._asked) + proposal
        return NearTrial(near, share, seed)

    def _added(self, draft: NearTrial) -> optuna.Trial:
        """A trial of the study with the hyperparameters of ``draft``."""
        self._study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING, params=draft.params, distributions=draft.distributions
            )
        )
        last = self._study.get_trials(deepcopy=False)[-1]
        return optuna.Trial(self._study, last._trial_id)

    def end_trial(self, trial) -> None:
        """Tell the study the outcome."""
        self._tell(self._asked[trial.trial_id], self._outcome(self.name(trial.trial_id)))
        super().end_trial(trial)

    def _tell(self, asked: optuna.Trial, row: Mapping) -> None:
        row = as_expected(row)
        if row["status"] == "completed":
            for term, most in sorted(self._constraints.items()):
                asked.set_constraint(term, row[TERMS[term]] / most - 1)
            # Only the front of nets that are good enough is of interest.
            asked.set_constraint("shortfall", row["shortfall"])
            self._study.tell(asked, [row[TERMS[term]] for term in self._terms])
        else:
            asked.set_user_attr(SKIPPED if row["status"] == SKIPPED else FAILED, True)
            self._study.tell(asked, state=TrialState.FAIL)

    def _claim(self, trial: optuna.Trial, signature: str) -> None:
        """From here on the trial counts."""
        trial.set_user_attr(SIGNATURE, signature)

    def _record_values(self, trial) -> None:
        # KerasTuner would fill in random values for hyperparameters that the net does not have, to
        # distinguish trials; the study distinguishes them by their nets.
        pass

    def _counting(self) -> list[optuna.trial.FrozenTrial]:
        """Trials that ran or are running; not duplicates, nor those that were lost or skipped."""
        return [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if SIGNATURE in trial.user_attrs
            and (trial.state != TrialState.FAIL or trial.user_attrs.get(FAILED))
        ]

    def _parameters(self, values: Mapping) -> dict:
        """``values`` of hyperparameters as parameters of an Optuna trial."""
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.values.update(values)
        self._space.suggest(hyperparameters)
        return {
            hp.name: list(hp.values).index(values[hp.name]) if _is_ordered(hp) else values[hp.name]
            for hp in hyperparameters.space
            if hyperparameters.is_active(hp) and not isinstance(hp, kinds.Fixed)
        }


def make_oracle(
    settings: Mapping,
    space: SearchSpace,
    *,
    terms: Sequence[str],
    constraints: Mapping[str, float],
    outcome: Callable[[str], Mapping],
    seed: int,
) -> ParetoOracle:
    """The oracle by section ``search``, on a study in memory."""
    study = make_study(
        objectives=len(terms),
        sampler=settings["pareto"]["sampler"],
        seed=seed,
    )
    options = oracle_options(settings, seed)
    return ParetoOracle(
        space, study, terms=terms, constraints=constraints, outcome=outcome, **options
    )


def oracle_options(settings: Mapping, seed: int) -> dict[str, object]:
    """Arguments of a :class:`ParetoOracle` by section ``search``."""
    return {
        "objective": keras_tuner.Objective(SCORE, "min"),
        "max_trials": settings["trials"],
        "seed": seed + 1,
        "max_consecutive_failed_trials": settings["max_consecutive_failures"],
    }


def measured_terms(terms: Sequence[str], reference: Mapping, dropped: Mapping) -> list[str]:
    """The ``terms`` that were measured for the reference; the others with a warning.

    Raises
    ------
    SearchError
        Fewer than two are left.
    """
    kept = [term for term in terms if reference.get(TERMS[term]) is not None]
    for term in terms:
        if term not in kept:
            logger.warning(
                "The aim '%s' is left out of this search: %s",
                term,
                dropped.get(TERMS[term], "not measured"),
            )
    if len(kept) < 2:
        raise SearchError(
            f"Of search.pareto.objectives only {', '.join(kept) or 'none'} can be measured here, "
            "and a front needs two; add validation_loss or parameters."
        )
    return kept


def _is_ordered(hp: kinds.HyperParameter) -> bool:
    return isinstance(hp, kinds.Choice) and bool(hp.ordered) and len(hp.values) > 1


class Suggesting(keras_tuner.HyperParameters):
    """Hyperparameters that an Optuna trial chooses when they are asked for."""

    def __init__(self, trial: optuna.Trial | NearTrial):
        super().__init__()
        self._trial = trial

    def _retrieve(self, hp):
        value = super()._retrieve(hp)
        if value is None or hp.name in self._trial.params:
            return value
        self.values[hp.name] = self._suggest(hp)
        return self.values[hp.name]

    def _suggest(self, hp):
        if _is_ordered(hp):
            # By its index, so that 16 lies between 8 and 32.
            return list(hp.values)[self._trial.suggest_int(hp.name, 0, len(hp.values) - 1)]
        if isinstance(hp, kinds.Choice):
            return self._trial.suggest_categorical(hp.name, list(hp.values))
        if isinstance(hp, kinds.Boolean):
            return self._trial.suggest_categorical(hp.name, [False, True])
        log = getattr(hp, "sampling", None) == "log"
        if isinstance(hp, kinds.Int):
            step = 1 if log else hp.step or 1
            return self._trial.suggest_int(hp.name, hp.min_value, hp.max_value, step=step, log=log)
        if isinstance(hp, kinds.Float):
            step = None if log else hp.step
            return self._trial.suggest_float(
                hp.name, hp.min_value, hp.max_value, step=step, log=log
            )
        return hp.default  # Fixed
