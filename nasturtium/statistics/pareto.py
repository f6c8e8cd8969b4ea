"""The Pareto front of points, and its hypervolume."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, ...]]) -> list[bool]:
    """For each point, whether it is on the Pareto front; all coordinates are minimised.

    A point is dominated by one that is nowhere higher and somewhere lower; equal points are both on
    the front or both not.
    """
    on_front = [False] * len(points)
    front: list[tuple[float, ...]] = []
    # All points that dominate a point come before it, also those on the front.
    for number in sorted(range(len(points)), key=points.__getitem__):
        point = points[number]
        # In two dimensions the last point of the front is the lowest so far.
        rivals = front[-1:] if len(point) == 2 else front
        on_front[number] = not any(
            other != point and all(a <= b for a, b in zip(other, point, strict=True))
            for other in rivals
        )
        if on_front[number] and point not in front[-1:]:
            front.append(point)
    return on_front


def front_line(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The front of points in a plane, each once, from left to right."""
    on_front = pareto_front(points)
    return sorted({point for point, on in zip(points, on_front, strict=True) if on})


def hypervolume(points: Sequence[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Area between the points' front and ``reference``; all coordinates are minimised.

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
