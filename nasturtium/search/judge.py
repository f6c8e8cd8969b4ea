"""What a trial is worth: held against the baseline as that was at the same point of its training.

A net that has had a ninth of its epochs has not lost to a baseline that has had all of them. Both
follow the same schedule of the learning rate, so what the baseline had reached after a ninth of its
own is what to compare with; its learning curve has it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nasturtium.search.expected import as_expected
from nasturtium.search.objective import TERMS, Objective
from nasturtium.search.picks import Standard, make_standard

_QUALITY = ("validation_loss", "validation_accuracy", "validation_mae")
# A tolerance of nothing would make each shortfall infinite.
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
        Rows of the baseline's epochs; none if it is to be taken as it is at the end.
    constraints
        Largest value by term of the objective that the exported model may have.
    tolerance_points, tolerance_mae
        What a net may be worse than the baseline at the end of its training.
    """

    objective: Objective
    reference: Mapping
    curve: Sequence[Mapping] = ()
    constraints: Mapping[str, float] = ()
    tolerance_points: float = 100.0
    tolerance_mae: float = 100.0

    @property
    def standard(self) -> Standard:
        """What a net that is handed on should reach."""
        return make_standard(self.reference, self.tolerance_points, self.tolerance_mae)

    def judge(self, row: dict, share: float) -> None:
        """Fill in the trial's ``score``, ``shortfall`` and ``feasible``.

        A net that is pruned later is judged by the size that is expected of it.

        The score is the objective's plus the shortfall: sizes can't pay for a net that is worse
        than the tolerance.

        Parameters
        ----------
        share
            Of its whole training, what the net has had.
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
        """Whether the trial keeps to the constraints."""
        return all(
            row[TERMS[term]] is not None and row[TERMS[term]] <= most
            for term, most in dict(self.constraints).items()
        )

    def _at(self, share: float) -> Mapping:
        """The baseline's quality after that share of its training: of its best epoch so far."""
        if share >= 1 or not self.curve:
            return self.reference
        epochs = self.curve[: max(1, round(share * len(self.curve)))]
        known = [epoch for epoch in epochs if epoch["validation_loss"] is not None]
        if not known:
            return self.reference
        best = min(known, key=lambda epoch: epoch["validation_loss"])
        return {**self.reference, **{name: best[name] for name in _QUALITY}}

    def _shortfall(self, row: Mapping, reference: Mapping, share: float) -> float:
        """By how many tolerances the net is worse than the tolerance; 0 within it.

        Half trained nets differ more, and small ones learn more slowly: the tolerance is larger by
        the root of what is left.
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
