"""Borders as polygons: the file is made of the lines, every border is in it, and no polygon crosses itself."""

import json
from math import cos, hypot, radians

import pytest

from analytics.geo import borders
from analytics.geo.borders import HALF_WIDTH_DEGREES, LINES, POLYGONS, TOLERANCE_DEGREES, Point


def test_the_file_is_made_of_the_lines() -> None:
    """After a change of `borders.geojson` the other is made anew, as `analytics/geo/borders.py` says."""
    assert POLYGONS.read_text(encoding="utf-8") == borders.polygons()


def test_every_point_of_a_border_is_near_a_polygon() -> None:
    """A hundred points of the lines, and the corners of polygons nearest to them."""
    lines = json.loads(LINES.read_text(encoding="utf-8"))["features"][0]["geometry"]["coordinates"]
    polygons = json.loads(POLYGONS.read_text(encoding="utf-8"))["features"][0]["geometry"]["coordinates"]
    assert {ring[0] == ring[-1] for (ring,) in polygons} == {True}
    corners = [corner for (ring,) in polygons for corner in ring]
    for line in lines[::8]:
        x, y = line[0]
        squeezed = cos(radians(y))
        nearest = min(hypot((a - x) * squeezed, b - y) for a, b in corners)
        assert nearest < HALF_WIDTH_DEGREES + 2 * TOLERANCE_DEGREES, (x, y)


@pytest.mark.parametrize(
    ("line", "rings"),
    [
        pytest.param([(0.0, 0.0), (1.0, 0.0), (2.0, 0.5)], 1, id="a bend is one"),
        pytest.param([(0.0, 0.0), (1.0, 0.0), (0.0, 0.2)], 2, id="a sharp turn ends one"),
        pytest.param([(0.1 * step, 0.0) for step in range(21)], 2, id="a long line is cut"),
        pytest.param([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0), (0.5, -1.0)], 2, id="a loop is cut"),
    ],
)
def test_a_ribbon_never_crosses_itself(line: list[Point], rings: int) -> None:
    """Where it would, there are several; together they reach from one end to the other."""
    found = list(borders.ribbons(line))
    assert len(found) == rings
    assert found[0][0] == found[0][-1]
    for end in (line[0], line[-1]):
        nearest = min(hypot(x - end[0], y - end[1]) for ring in found for x, y in ring)
        assert nearest == pytest.approx(HALF_WIDTH_DEGREES, abs=0.01)


def test_a_line_that_is_a_point_gives_nothing() -> None:
    """An island that is smaller than the tolerance."""
    line = borders.simplified([(5.0, 5.0), (5.01, 5.0), (5.01, 5.01), (5.0, 5.0)])
    assert line == [(5.0, 5.0)]
    assert list(borders.ribbons(line)) == []
