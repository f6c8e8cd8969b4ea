"""Which nets are promoted from one rung to the next.

Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943, section 3) with promotions by the
front of several objectives (Schmucker et al. 2021, arXiv 2106.12639, section 4.2). A promoted net
continues its training where it stopped, with one schedule of the learning rate over all rungs.
"""

import math
from collections.abc import Mapping, Sequence

from nasturtium.statistics.pareto import pareto_front


def promoted(rows: Sequence[Mapping], count: int, aims: Sequence[str]) -> list[str]:
    """Names of the ``count`` trials of a rung that are promoted.

    The one with the lowest score is the first. The others are those of the front of ``aims``,
    then those of the front of what is left, and so on; of a front that is too large, those that
    lie farthest apart (crowding distance, Deb et al. 2002, IEEE TEC 6(2), section III-B). Nets that
    exceed the constraints or fall short of the baseline by more than the tolerance come last.

    Parameters
    ----------
    rows
        Rows of the trials as they were at the rung's end.
    aims
        Columns to be minimised.
    """
    ordered = sorted(rows, key=lambda row: (*_fault(row), row["score"], row["trial"]))
    chosen = [row["trial"] for row in ordered[:1]]
    left = [row for row in ordered if _fault(row) == (False, False)]
    while left and len(chosen) < count:
        on_front = pareto_front([tuple(row[aim] for aim in aims) for row in left])
        front = [row for row, is_on in zip(left, on_front, strict=True) if is_on]
        left = [row for row in left if row not in front]
        new = [row for row in front if row["trial"] not in chosen]
        room = count - len(chosen)
        taken = new if len(new) <= room else _farthest_apart(new, room, aims)
        chosen += [row["trial"] for row in taken]
    # A front of nets that are too large or too bad is useless: of those, take the lowest scores.
    others = [row["trial"] for row in ordered if row["trial"] not in chosen]
    return [*chosen, *others[: count - len(chosen)]]


def _fault(row: Mapping) -> tuple[bool, bool]:
    return not row["feasible"], row["shortfall"] > 0


def _farthest_apart(front: Sequence[Mapping], count: int, aims: Sequence[str]) -> list[Mapping]:
    distance = {row["trial"]: 0.0 for row in front}
    for aim in aims:
        ordered = sorted(front, key=lambda row, aim=aim: (row[aim], row["trial"]))
        spread = math.log(_positive(ordered[-1][aim]) / _positive(ordered[0][aim])) or 1.0
        for row in (ordered[0], ordered[-1]):
            distance[row["trial"]] = math.inf
        for below, row, above in zip(ordered, ordered[1:], ordered[2:], strict=False):
            gap = math.log(_positive(above[aim]) / _positive(below[aim]))
            distance[row["trial"]] += gap / spread
    # Of the two ends, prefer the lowest in the last aim: the other is near the lowest score anyway.
    return sorted(front, key=lambda row: (-distance[row["trial"]], row[aims[-1]], row["trial"]))[
        :count
    ]


def _positive(value: float) -> float:
    return max(float(value), 1e-12)
