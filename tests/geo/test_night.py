"""The night side of the globe against dates that an almanac gives."""

from datetime import UTC, datetime

import pytest

from analytics.geo.night import darkness, subsolar_point


@pytest.mark.parametrize(
    ("now", "latitude", "longitude"),
    [
        (datetime(2026, 3, 20, 14, 46, tzinfo=UTC), 0.0, -39.7),
        (datetime(2026, 6, 21, 8, 25, tzinfo=UTC), 23.44, 54.2),
        (datetime(2026, 12, 21, 20, 50, tzinfo=UTC), -23.44, -133.0),
    ],
    ids=["equinox", "June solstice", "December solstice"],
)
def test_the_sun_stands_over_the_place_of_the_almanac(
    now: datetime, latitude: float, longitude: float
) -> None:
    """Declination to half a degree; longitude from Greenwich and the equation of time."""
    assert subsolar_point(now) == pytest.approx((latitude, longitude), abs=0.6)


def test_half_of_the_earth_is_lit_and_dusk_lies_between() -> None:
    """At the equinox every row but the poles has day, night and some dusk; opposite the sun it is darkest."""
    shade = darkness(datetime(2026, 3, 20, 12, tzinfo=UTC))
    assert shade.shape == (180, 360)
    middle = shade[90]
    assert middle[180] == 0
    assert middle[0] == 1
    assert ((middle > 0) & (middle < 1)).any()
    assert (shade == 0).mean() == pytest.approx(0.5, abs=0.02)
