"""Where on Earth it is night: the sun's position and what part of it is dark.

Pure astronomy to about half a degree, after the low-precision formulas of the Astronomical Almanac. Knows nothing
of maps or drawing.
"""

from datetime import UTC, datetime
from itertools import pairwise
from math import acos, asin, atan2, ceil, cos, degrees, hypot, radians, sin

J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
STRIP_DEGREES = 6


def subsolar_point(now: datetime) -> tuple[float, float]:
    """Latitude and longitude, in degrees, of the place where the sun stands in the zenith.

    Args:
        now: an aware instant.

    >>> latitude, longitude = subsolar_point(datetime(2026, 6, 21, 12, tzinfo=UTC))
    >>> round(latitude, 1), abs(longitude) < 1
    (23.4, True)
    """
    days = (now - J2000).total_seconds() / 86_400
    mean_anomaly = radians(357.528 + 0.9856003 * days)
    ecliptic_longitude = radians(
        280.460 + 0.9856474 * days + 1.915 * sin(mean_anomaly) + 0.020 * sin(2 * mean_anomaly)
    )
    obliquity = radians(23.439 - 0.0000004 * days)
    declination = asin(sin(obliquity) * sin(ecliptic_longitude))
    right_ascension = degrees(atan2(cos(obliquity) * sin(ecliptic_longitude), cos(ecliptic_longitude)))
    sidereal_degrees = 280.46062 + 360.98564737 * days
    return degrees(declination), (right_ascension - sidereal_degrees + 180) % 360 - 180


def dark_strips(now: datetime, altitude_degrees: float = 0.0) -> list[list[list[float]]]:
    """Where the sun stands below an altitude: 0 for sunset, -6 and -12 for the stages of twilight.

    Returns:
        One closed ring of [longitude, latitude] in degrees per strip between two meridians, from west to east, with
        so many points that a flat map of each comes close to the sphere. Longitudes run on past 180 rather than
        leap. Neighbours share an edge and never overlap.

    >>> strips = dark_strips(datetime(2026, 12, 21, 12, tzinfo=UTC))
    >>> max(latitude for strip in strips for _, latitude in strip), strips[0][0] == strips[0][-1]
    (90.0, True)
    """
    declination, sun_longitude = subsolar_point(now)
    midnight = sun_longitude + 180
    meridians = [
        (
            round(midnight + offset, 2),
            _dark_latitudes(radians(declination), radians(offset + 180), radians(altitude_degrees)),
        )
        for offset in range(-180, 181, STRIP_DEGREES)
    ]
    strips = []
    for (west, western), (east, eastern) in pairwise(meridians):
        if western is None and eastern is None:
            continue
        # Where the shade ends between two meridians it narrows to a point.
        western, eastern = western or _middle(eastern), eastern or _middle(western)
        ring = [[west, latitude] for latitude in _steps(western)] + [
            [east, latitude] for latitude in _steps(eastern)[::-1]
        ]
        strips.append(ring + ring[:1])
    return strips


def _middle(latitudes: tuple[float, float] | None) -> tuple[float, float]:
    south, north = latitudes or (0.0, 0.0)
    return (south + north) / 2, (south + north) / 2


def _steps(latitudes: tuple[float, float]) -> list[float]:
    south, north = latitudes
    count = max(1, ceil((north - south) / STRIP_DEGREES))
    return [round(south + (north - south) * step / count, 2) for step in range(count + 1)]


def _dark_latitudes(declination: float, hour_angle: float, altitude: float) -> tuple[float, float] | None:
    """South and north end, in degrees, of the dark stretch of one meridian; None where the sun stands higher all along.

    On a meridian the sine of the sun's altitude is amplitude * cos(latitude - brightest).
    """
    toward_pole, toward_equator = sin(declination), cos(declination) * cos(hour_angle)
    amplitude = hypot(toward_pole, toward_equator)
    threshold = sin(altitude) / amplitude if amplitude else 0.0
    if threshold <= -1:
        return None
    half_width = 180 - degrees(acos(min(threshold, 1.0)))
    darkest = degrees(atan2(-toward_pole, -toward_equator))
    south, north = max(darkest - half_width, -90.0), min(darkest + half_width, 90.0)
    return (south, north) if south < north else None
