"""Which points no other point beats."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, ...]]) -> list[bool]:
    """For each point, whether it is on the Pareto front; every coordinate is to be low.

    A point is dominated by one that is nowhere higher and somewhere lower; equal points stand or
    fall together.
    """

    def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    return [not any(dominates(other, point) for other in points) for point in points]
