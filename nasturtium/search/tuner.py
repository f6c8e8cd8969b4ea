"""A subclass of AutoKeras's tuner that only runs one trial after another.

AutoKeras's own search fits each trial through a pipeline, injects early stopping, keeps the epoch
of the best objective (dense, when the trial is being pruned), copies the callbacks for every trial,
and ends with a final fit that undoes the pruning. Only the hypergraph and the oracles are kept
here; a trial is a function that the tuner is given.
"""

import logging
import random
from collections.abc import Callable
from pathlib import Path

import keras_tuner
import numpy as np
import tf_keras as keras
from autokeras.engine.tuner import AutoTuner
from keras_tuner.engine.trial import TrialStatus

from nasturtium.errors import DamageError, SearchError, StorageError
from nasturtium.models.search_space import SearchSpace
from nasturtium.search.limits import Unfit
from nasturtium.search.oracles import SCORE
from nasturtium.search.time_limit import OutOfTime
from nasturtium.search.trials import RepeatedFailure

logger = logging.getLogger(__name__)


class _Unwritable(keras_tuner.errors.FatalError):
    """Carries an error through KerasTuner, which takes any other error for a failed trial."""


class TrialTuner(AutoTuner):
    """Runs trials proposed by an oracle.

    Parameters
    ----------
    run_trial
        Called with the trial's number from 0, its name and its hyperparameters; returns its score,
        lower is better. If it raises an error, the trial fails, not the search.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        space: SearchSpace,
        run_trial: Callable[[int, str, keras_tuner.HyperParameters], float],
        folder: Path,
    ):
        super().__init__(
            oracle=oracle,
            hypermodel=space,
            directory=str(folder.parent),
            project_name=folder.name,
            overwrite=True,
        )
        self._run = run_trial
        self._count = 0
        # KerasTuner's own tables on standard output say less than the progress line.
        self._display.verbose = 0

    def search(self) -> None:
        """Run trials until the oracle stops.

        Raises
        ------
        SearchError
            Too many trials failed one after another.
        DamageError, StorageError
            A trial could not be written, or a file that it needs could not be read.
        """
        hyperparameters = self.oracle.get_space()
        self.hypermodel.build(hyperparameters)
        self.oracle.update_space(hyperparameters)
        try:
            # Not AutoTuner.search, whose final fit and early stopping are not wanted.
            keras_tuner.Tuner.search(self)
        except _Unwritable as error:
            raise error.__cause__ from None
        except RuntimeError as error:
            if "consecutive" not in str(error):
                raise
            raise SearchError(
                "The search stopped after too many failed trials in a row; the reasons are in the "
                "log, and search.learning_rates or the keys of the space should be changed."
            ) from error

    def run_trial(self, trial, *args, **kwargs) -> dict[str, float]:
        """One trial, in a Keras session of its own."""
        name, number = self._place(trial)
        self._count += 1
        # This frees the last trial's graph, and makes layer names independent of earlier trials.
        keras.backend.clear_session()
        # The greedy oracle draws from the global generators, which each trial seeds again. Without
        # this it would draw the same for every trial, and a resumed search would differ.
        oracle_state = np.random.get_state(), random.getstate()  # noqa: NPY002
        try:
            return {SCORE: self._run(number, name, trial.hyperparameters)}
        except Unfit as error:
            self.oracle.skip(trial.trial_id)
            if getattr(self._run, "has_given_up", False):
                self.oracle.give_up()
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except OutOfTime as error:
            logger.warning("%s.", error)
            self.oracle.skip(trial.trial_id)
            self.oracle.end()
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except RepeatedFailure as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except (StorageError, DamageError) as error:
            # Not the trial's fault: later trials would fail too, and would be taken for bad nets.
            raise _Unwritable from error
        except Exception as error:
            logger.exception("Trial %d failed.", number)
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        finally:
            np.random.set_state(oracle_state[0])  # noqa: NPY002
            random.setstate(oracle_state[1])

    def _try_run_and_update_trial(self, trial, *args, **kwargs) -> None:
        # As KerasTuner's, which prints a traceback for each net that is skipped; what failed is in
        # the log already.
        try:
            self._run_and_update_trial(trial, *args, **kwargs)
        except keras_tuner.errors.FailedTrialError as error:
            trial.status, trial.message = TrialStatus.FAILED, str(error)
        else:
            trial.status = TrialStatus.COMPLETED

    def _place(self, trial) -> tuple[str, int]:
        """The trial's unique name and number among all trials of the search."""
        given = getattr(self.oracle, "name", None)
        name = given(trial.trial_id) if given else f"{self._count:04d}"
        return name, int(name)
