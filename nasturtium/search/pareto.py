"""Which points no other point beats, and how much of the plane they cover together."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, ...]]) -> list[bool]:
    """For each point, whether it is on the Pareto front; every coordinate is to be low.

    A point is dominated by one that is nowhere higher and somewhere lower; equal points stand or
    fall together.
    """

    def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    return [not any(dominates(other, point) for other in points) for point in points]


def hypervolume(points: Sequence[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Area between the points' front and ``reference``; every coordinate is to be low.

    The S-metric of Zitzler and Thiele 1999 (IEEE TEC 3(4), section IV) in two dimensions. A point
    that is not below the reference in both coordinates covers nothing.
    """
    right, top = reference
    inside = sorted(point for point in set(points) if point[0] < right and point[1] < top)
    area = 0.0
    for x, y in inside:
        if y < top:
            area += (right - x) * (top - y)
            top = y
    return area
