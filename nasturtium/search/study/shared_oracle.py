"""The oracle of one worker of several: they share an Optuna study and the search's state.

A trial is running as long as the process that asked for it is alive. The next worker that proposes
a net handles the trials of a dead worker: a recorded trial is told to the study; one without a
record is given up and queued again.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence

import optuna
from optuna.trial import TrialState

from nasturtium.models.search_space import SearchSpace
from nasturtium.search.state import SearchState
from nasturtium.search.study.oracle import (
    SIGNATURE,
    ParetoOracle,
    Suggesting,
    make_study,
    oracle_options,
)

logger = logging.getLogger(__name__)

_NAME, _WORKER = "name", "worker"
_WAITING = TrialState.WAITING


class SharedParetoOracle(ParetoOracle):
    """A worker's oracle on the study that all workers share.

    Parameters
    ----------
    state
        What the search has done so far; one worker at a time is in its ``proposing()``, so that no
        net is run twice and no more trials are run than were asked for.
    worker
        Number of this process among those that share the study.
    """

    def __init__(self, space: SearchSpace, study, *, state: SearchState, worker: int, **kwargs):
        self._state, self._worker = state, worker
        super().__init__(space, study, **kwargs)

    def name(self, trial_id: str) -> str:
        """The trial's unique name among those of all workers."""
        return self._asked[trial_id].user_attrs[_NAME]

    def populate_space(self, trial_id: str) -> dict:
        """Hyperparameters of a net that no worker has tried; stops when none is found."""
        with self._state.proposing():
            self._take_over_lost()
            return super().populate_space(trial_id)

    def _restore(self) -> None:
        """Tell the study of recorded trials that it does not know: it was lost, or damaged."""
        known = {t.user_attrs[_NAME] for t in self._all() if SIGNATURE in t.user_attrs}
        recorded = sorted(self._state.recorded().items())
        # No oracle proposes children.
        own = {name: done for name, done in recorded if not done["row"].get("parent")}
        lost = {name: done for name, done in own.items() if name not in known}
        for name, done in lost.items():
            row = done["rungs"][0]
            values = json.loads(row["hyperparameters"])
            fixed = optuna.trial.FixedTrial(self._parameters(values))
            self._space.suggest(Suggesting(fixed))
            signature = self._space.signature(values)
            trial = optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params=fixed.params,
                distributions=fixed.distributions,
                user_attrs={_WORKER: row["worker"], _NAME: name, SIGNATURE: signature},
            )
            self._study.add_trial(trial)
            self._tell(optuna.Trial(self._study, self._all()[-1]._trial_id), row)
        if lost:
            logger.warning("The study did not know %d recorded trials; they are added.", len(lost))

    def _take_over_lost(self) -> None:
        """End the trials of dead workers: as recorded, or in a new trial of the same net."""
        own = {trial.number for trial in self._asked.values()}
        for trial in self._all([TrialState.RUNNING]):
            known = trial.user_attrs
            is_claimed = SIGNATURE in known
            if trial.number in own:
                continue
            is_another_s = is_claimed and known[_WORKER] != self._worker
            if is_another_s and self._state.is_running(known[_WORKER]):
                continue
            row = self._state.row(known[_NAME]) if is_claimed else None
            if row is not None:
                self._tell(optuna.Trial(self._study, trial._trial_id), row)
                continue
            # A trial that was lost before its claim had no net yet, unless it was queued.
            values = trial.params if is_claimed else trial.system_attrs.get("fixed_params")
            if values:
                # First, so that after a kill in between it is queued twice rather than lost.
                self._study.enqueue_trial(values)
            self._study.tell(trial.number, state=TrialState.FAIL)
            if is_claimed:
                logger.info(
                    "Worker %d was lost in trial %s; its net is tried again.",
                    known[_WORKER],
                    known[_NAME],
                )
        self._queue_forgotten()

    def _queue_forgotten(self) -> None:
        """Queue trained nets again whose record is missing or was damaged."""
        queued = [trial.system_attrs.get("fixed_params") for trial in self._all([_WAITING])]
        counting = self._counting()
        known = {trial.user_attrs[SIGNATURE] for trial in counting}
        numbers = {trial.number for trial in counting}
        for trial in self._all([TrialState.COMPLETE]):
            is_forgotten = trial.number not in numbers
            if is_forgotten and trial.user_attrs[SIGNATURE] not in known:
                known.add(trial.user_attrs[SIGNATURE])
                if trial.params not in queued:
                    logger.warning("Trial %s runs again.", trial.user_attrs[_NAME])
                    self._study.enqueue_trial(trial.params)

    def _claim(self, trial: optuna.Trial, signature: str) -> None:
        trial.set_user_attr(_WORKER, self._worker)
        trial.set_user_attr(_NAME, self._free_name())
        # Last, since with it the trial counts.
        super()._claim(trial, signature)

    def _free_name(self) -> str:
        """The first name that no counting trial has, and that is not recorded."""
        taken = {trial.user_attrs[_NAME] for trial in self._counting()} | set(self._state.names())
        return next(name for n in range(len(taken) + 1) if (name := f"{n:04d}") not in taken)

    def _counting(self) -> list[optuna.trial.FrozenTrial]:
        # A finished trial counts as long as it is recorded. Records are removed by a worker that
        # starts again after failures, and by a process that finds a damaged one. The name then
        # belongs to another trial.
        last = {trial.user_attrs[_NAME]: trial for trial in super()._counting()}
        recorded = set(self._state.names())
        return [
            trial
            for name, trial in last.items()
            if trial.state == TrialState.RUNNING or name in recorded
        ]

    def _all(self, states: Sequence[TrialState] | None = None) -> list[optuna.trial.FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states)


def sampler_seed(seed: int, worker: int, begun: int) -> int:
    """The seed of a worker, which differs for each start after ``begun`` trials.

    With the same seed, a worker would propose the nets of its first start again.
    """
    digest = hashlib.sha256(f"{seed}/{worker}/{begun}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31


def make_shared_oracle(
    settings: Mapping,
    space: SearchSpace,
    *,
    terms: Sequence[str],
    constraints: Mapping[str, float],
    outcome: Callable[[str], Mapping],
    storage: Callable[[], optuna.storages.BaseStorage],
    name: str,
    seed: int,
    state: SearchState,
    worker: int,
) -> SharedParetoOracle:
    """The oracle by section ``search``, on the study ``name`` in ``storage``.

    Parameters
    ----------
    storage
        Opens the storage; called by one worker at a time, since two that make the same tables at
        once disturb each other.
    seed
        Of the sampler.
    """
    options = oracle_options(settings, seed)
    with state.proposing():
        study = make_study(
            objectives=len(terms),
            sampler=settings["pareto"]["sampler"],
            seed=seed,
            storage=storage(),
            name=name,
        )
        return SharedParetoOracle(
            space,
            study,
            terms=terms,
            constraints=constraints,
            state=state,
            worker=worker,
            outcome=outcome,
            **options,
        )
