"""Borders as thin polygons, for a globe that is seen whole: without a graphics card they are drawn ten times as fast as lines.

Makes the text of `static/borders_far.geojson` from `static/borders.geojson`:
`python -c "from analytics.geo.borders import *; POLYGONS.write_text(polygons())"`. Coordinates are (longitude, latitude) in
degrees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import cos, hypot, radians
from typing import Final

from analytics import ROOT

Point = tuple[float, float]

LINES: Final = ROOT / "static" / "borders.geojson"
POLYGONS: Final = ROOT / "static" / "borders_far.geojson"

TOLERANCE_DEGREES: Final = 0.1
"""How far a point may lie from the line without it. In the middle of the globe a pixel is 0.1 to 0.2 degrees."""

HALF_WIDTH_DEGREES: Final = 0.06
MOST_SEGMENTS: Final = 16
"""Longest part of a line that becomes one polygon: whether it crosses itself is looked for between all pairs of its sides."""

_SHARPEST_TURN: Final = -0.5
"""Cosine of the change of direction below which a polygon ends at a point."""


def polygons() -> str:
    """All borders as GeoJSON: one feature with the polygons."""
    lines = json.loads(LINES.read_text(encoding="utf-8"))["features"][0]["geometry"]["coordinates"]
    rings = [[ring] for line in lines for ring in ribbons(simplified([(x, y) for x, y in line]))]
    geometry = {"type": "MultiPolygon", "coordinates": rings}
    feature = {"type": "Feature", "properties": {}, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}, separators=(",", ":"))


def simplified(line: Sequence[Point]) -> list[Point]:
    """The line without the points that lie nearly between their neighbours (Douglas and Peucker).

    >>> simplified([(0, 0), (1, 0.01), (2, 0), (2, 1)])
    [(0, 0), (2, 0), (2, 1)]
    """
    kept, waiting = {0, len(line) - 1}, [(0, len(line) - 1)]
    while waiting:
        first, last = waiting.pop()
        between = range(first + 1, last)
        if not between:
            continue
        farthest = max(between, key=lambda at: _distance(line[at], line[first], line[last]))
        if _distance(line[farthest], line[first], line[last]) > TOLERANCE_DEGREES:
            kept.add(farthest)
            waiting += [(first, farthest), (farthest, last)]
    points = [line[at] for at in sorted(kept)]
    return points[:1] + [here for before, here in pairwise(points) if here != before]


def ribbons(line: Sequence[Point]) -> Iterator[list[Point]]:
    """The line as polygons that do not cross themselves, each a closed ring.

    >>> [ring] = ribbons([(0.0, 0.0), (2.0, 0.0)])
    >>> ring
    [(0.0, 0.06), (2.0, 0.06), (2.0, -0.06), (0.0, -0.06), (0.0, 0.06)]
    """
    begin = 0
    for at in range(1, len(line)):
        is_end = at == len(line) - 1
        if is_end or at - begin == MOST_SEGMENTS or _turn(*line[at - 1 : at + 2]) < _SHARPEST_TURN:
            yield from _whole(line, begin, at)
            begin = at


def _whole(line: Sequence[Point], begin: int, end: int) -> Iterator[list[Point]]:
    part = line[begin : end + 1]
    sides = [_sides(part, at) for at in range(len(part))]
    ring = [left for left, _ in sides] + [right for _, right in reversed(sides)]
    ring.append(ring[0])
    if end - begin == 1 or not _crosses_itself(ring):
        yield ring
        return
    middle = (begin + end) // 2
    yield from _whole(line, begin, middle)
    yield from _whole(line, middle, end)


def _sides(line: Sequence[Point], at: int) -> tuple[Point, Point]:
    """The points left and right of a point of the line."""
    x, y = line[at]
    (a, b), (c, d) = line[max(at - 1, 0)], line[min(at + 1, len(line) - 1)]
    squeezed = _squeezed(y)
    east, north = (c - a) * squeezed, d - b
    length = hypot(east, north)
    across, up = -north / length * HALF_WIDTH_DEGREES / squeezed, east / length * HALF_WIDTH_DEGREES
    return (round(x + across, 2), round(y + up, 2)), (round(x - across, 2), round(y - up, 2))


def _squeezed(latitude: float) -> float:
    """Length of a degree of longitude there, in degrees of latitude."""
    return cos(radians(latitude))


def _distance(point: Point, first: Point, last: Point) -> float:
    """Distance from the line through two points, or from the first where they are one."""
    squeezed = _squeezed(point[1])
    east, north = (last[0] - first[0]) * squeezed, last[1] - first[1]
    to_east, to_north = (point[0] - first[0]) * squeezed, point[1] - first[1]
    length = hypot(east, north)
    return abs(to_east * north - to_north * east) / length if length else hypot(to_east, to_north)


def _turn(before: Point, here: Point, after: Point) -> float:
    """Cosine of the change of direction: 1 straight on, -1 back."""
    a, b = (here[0] - before[0], here[1] - before[1]), (after[0] - here[0], after[1] - here[1])
    return (a[0] * b[0] + a[1] * b[1]) / (hypot(*a) * hypot(*b))


def _crosses_itself(ring: Sequence[Point]) -> bool:
    edges = list(pairwise(ring))
    return any(
        _cross(edges[first], edges[second])
        for first in range(len(edges))
        for second in range(first + 2, len(edges) - (first == 0))
    )


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    return all(
        _area(*line, points[0]) * _area(*line, points[1]) < 0 for line, points in ((one, other), (other, one))
    )


def _area(a: Point, b: Point, c: Point) -> float:
    """Twice the area of a triangle, negative when it turns right."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
