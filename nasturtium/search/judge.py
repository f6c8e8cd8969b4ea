"""Judges a trial by comparing it with the baseline at the same point of its training.

A net after a ninth of its epochs can't be compared with a baseline that has had all of them. Both
follow the same schedule of the learning rate, so it is compared with the baseline after a ninth of
its epochs, which the baseline's learning curve shows.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nasturtium.search.expected import as_expected
from nasturtium.search.objective import TERMS, Objective
from nasturtium.search.picks import Standard, make_standard

_QUALITY = ("validation_loss", "validation_accuracy", "validation_mae")
# A tolerance of zero would make every shortfall infinite.
_LEAST_POINTS, _LEAST_SHARE = 0.1, 0.005


@dataclass(frozen=True)
class Judge:
    """Scores trials.

    Attributes
    ----------
    objective
        Its reference is the baseline at the end of its training.
    reference
        The baseline's values by column, at the end.
    curve
        Rows of the baseline's epochs; if there are none, the baseline's final values are used.
    constraints
        Largest allowed value of the exported model, by term of the objective.
    tolerance_points, tolerance_mae
        How much worse than the baseline a net may be at the end of its training.
    """

    objective: Objective
    reference: Mapping
    curve: Sequence[Mapping] = ()
    constraints: Mapping[str, float] = ()
    tolerance_points: float = 100.0
    tolerance_mae: float = 100.0

    @property
    def standard(self) -> Standard:
        """What an exported net should reach."""
        return make_standard(self.reference, self.tolerance_points, self.tolerance_mae)

    def judge(self, row: dict, share: float) -> None:
        """Fill in the trial's ``score``, ``shortfall`` and ``feasible``.

        A net that is pruned later is judged by its expected size.

        The score is the objective's plus the shortfall: a small size can't make up for a net that
        is worse than the tolerance.

        Parameters
        ----------
        share
            Share of its whole training that the net has had.
        """
        reference = self._at(share)
        seen = as_expected(row)
        objective = self.objective
        if "validation_loss" in objective.reference:
            loss = max(reference["validation_loss"], 1e-12)
            objective = replace(
                objective, reference={**objective.reference, "validation_loss": loss}
            )
        row["shortfall"] = self._shortfall(row, reference, share)
        row["score"] = objective.score(seen) + row["shortfall"]
        row["feasible"] = self.is_feasible(seen)

    def is_feasible(self, row: Mapping) -> bool:
        """Whether the trial satisfies the constraints."""
        return all(
            row[TERMS[term]] is not None and row[TERMS[term]] <= most
            for term, most in dict(self.constraints).items()
        )

    def _at(self, share: float) -> Mapping:
        """The baseline's quality in its best epoch up to that share of its training."""
        if share >= 1 or not self.curve:
            return self.reference
        epochs = self.curve[: max(1, round(share * len(self.curve)))]
        known = [epoch for epoch in epochs if epoch["validation_loss"] is not None]
        if not known:
            return self.reference
        best = min(known, key=lambda epoch: epoch["validation_loss"])
        return {**self.reference, **{name: best[name] for name in _QUALITY}}

    def _shortfall(self, row: Mapping, reference: Mapping, share: float) -> float:
        """By how many tolerances the net is worse than the tolerance allows; 0 within it.

        Nets differ more in the middle of their training, and small ones learn more slowly, so the
        tolerance is divided by the square root of the share.
        """
        wider = math.sqrt(1 / min(1.0, share))
        points = wider * max(self.tolerance_points, _LEAST_POINTS)
        worse = wider * max(self.tolerance_mae, _LEAST_SHARE)
        accuracy, least = row.get("validation_accuracy"), reference.get("validation_accuracy")
        if accuracy is not None and least is not None:
            return max(0.0, 100 * (least - accuracy) / points - 1)
        mae, most = row.get("validation_mae"), reference.get("validation_mae")
        if mae is not None and most:
            return max(0.0, (mae / most - 1) / worse - 1)
        return 0.0
