"""The one pruning schedule: cubic in training steps, from warm-up to recovery.

Zhu & Gupta, "To prune, or not to prune" (2017, arXiv 1710.01878), equation 1, with an initial
sparsity of zero: many weights are pruned early, while the net has redundancy, and few later.
"""

import math
from dataclasses import dataclass

from nasturtium.errors import PruningError

# The ratio rises in at least this number of updates; with fewer, each does too much damage.
_LEAST_UPDATES = 4
# There is an update at least every 1/20 of the training, and every 1/40 if there are enough steps.
_LARGEST_SHARE = 20
_USUAL_SHARE = 40


@dataclass(frozen=True)
class CubicSchedule:
    """The pruning ratio by training step.

    Attributes
    ----------
    target
        The ratio from ``end_step`` on, a share between 0 and 1.
    begin_step, end_step
        Steps are batches trained, counted from 1. Nothing is pruned up to ``begin_step``.
    frequency
        Steps from one update to the next; ``end_step`` is an update. The same three numbers serve
        tfmot's ``PolynomialDecay(0, target, begin_step, end_step, power=3, frequency)``.

    Raises
    ------
    PruningError
        The ratio is not above 0 and below 1, or the steps are out of order or off the frequency.
    """

    target: float
    begin_step: int
    end_step: int
    frequency: int

    def __post_init__(self) -> None:
        """Refuse a schedule that could never reach the target."""
        if not 0 < self.target < 1:
            raise PruningError(
                f"The pruning ratio is {self.target}; choose one above 0 and below 1."
            )
        span = self.end_step - self.begin_step
        if self.begin_step < 0 or self.frequency < 1 or span < 1 or span % self.frequency:
            raise PruningError(
                f"The pruning schedule from step {self.begin_step} to {self.end_step} every "
                f"{self.frequency} steps does not end with an update; choose an end that is a "
                f"multiple of {self.frequency} steps after the beginning."
            )

    @classmethod
    def from_training(
        cls,
        total_steps: int,
        ratio: float,
        warm_up: float = 0.1,
        recovery: float = 1 / 3,
    ) -> "CubicSchedule":
        """Return the schedule for a training of ``total_steps`` batches.

        Parameters
        ----------
        total_steps
            Number of epochs times batches per epoch.
        ratio
            The target, a share between 0 and 1.
        warm_up
            The share of the steps before the first update.
        recovery
            The minimum share of the steps after the last update, in which the net recovers.

        Raises
        ------
        PruningError
            There are too few steps for a schedule, or the shares leave no time for it.
        """
        if not (0 <= warm_up < 1 and 0 < recovery < 1 and warm_up + recovery < 1):
            raise PruningError(
                f"The warm-up ({warm_up}) and the recovery ({recovery}) of the pruning schedule "
                "leave no steps for pruning; choose shares of the training with a sum below 1, and "
                "a recovery above 0."
            )
        begin = round(warm_up * total_steps)
        span = math.floor(total_steps * (1 - recovery) + 1e-9) - begin
        frequency = max(1, total_steps // _USUAL_SHARE)
        updates = span // frequency
        if total_steps < _LARGEST_SHARE or updates < _LEAST_UPDATES:
            raise PruningError(
                f"A training of {total_steps} steps is too short for pruning (warm-up "
                f"{warm_up:.2f}, recovery {recovery:.2f}); use more epochs or smaller batches, for "
                f"at least {_LARGEST_SHARE} steps with {_LEAST_UPDATES} updates."
            )
        return cls(ratio, begin, begin + updates * frequency, frequency)

    @classmethod
    def of_epochs(
        cls, epochs: int, steps_per_epoch: int, ratio: float, warm_up: float, recovery: float
    ) -> "CubicSchedule":
        """Return the schedule for a training of ``epochs``, with a recovery of whole epochs.

        Raises
        ------
        PruningError
            There are too few steps or epochs for a schedule.
        """
        # At least one whole epoch, since only these can be kept.
        recovery = max(1, round(recovery * epochs)) / epochs
        if recovery == 1:
            raise PruningError(
                f"A training of {epochs} epochs leaves no epoch for pruning before the recovery; "
                "increase pruning.epochs (search.epochs in a search), or decrease "
                "pruning.recovery."
            )
        schedule = cls.from_training(epochs * steps_per_epoch, ratio, warm_up, recovery)
        schedule.check_fits(epochs, steps_per_epoch)
        return schedule

    def ratio_at(self, step: int) -> float:
        """Return the ratio due after ``step`` batches, a share between 0 and ``target``."""
        progress = (step - self.begin_step) / (self.end_step - self.begin_step)
        return self.target * (1 - (1 - min(1.0, max(0.0, progress))) ** 3)

    def last_update(self, step: int) -> int | None:
        """Return the last step up to ``step`` at which the ratio is updated; None before any."""
        step = min(step, self.end_step)
        if step <= self.begin_step:
            return None
        updates = (step - self.begin_step) // self.frequency
        return self.begin_step + updates * self.frequency if updates else None

    def first_admissible_epoch(self, steps_per_epoch: int) -> int:
        """Return the first epoch, counted from 0, that is entirely after the last update.

        Weights may be chosen only among this epoch and later ones: earlier ones are not pruned
        to the target.
        """
        return math.ceil(self.end_step / steps_per_epoch)

    def check_fits(self, epochs: int, steps_per_epoch: int) -> None:
        """Check that the schedule fits a training.

        Raises
        ------
        PruningError
            The training ends before the schedule, or leaves no whole epoch after it.
        """
        total = epochs * steps_per_epoch
        if self.end_step > total:
            raise PruningError(
                f"The pruning schedule ends at step {self.end_step}, but the training has only "
                f"{total} steps ({epochs} epochs of {steps_per_epoch}); train longer, or end the "
                "schedule earlier."
            )
        if self.first_admissible_epoch(steps_per_epoch) >= epochs:
            raise PruningError(
                f"The pruning schedule ends at step {self.end_step}, so none of the {epochs} "
                f"epochs of {steps_per_epoch} steps lies completely after it; train for more "
                "epochs, or end the schedule earlier."
            )
