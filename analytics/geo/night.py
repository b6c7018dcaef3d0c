"""Computes the sun's position and the darkness of each place on Earth. Pure.

Accurate to about half a degree, after the low-precision formulas of the Astronomical Almanac. Knows no map or drawing.
"""

from datetime import UTC, datetime
from math import asin, atan2, cos, degrees, radians, sin

import numpy as np
import numpy.typing as npt

J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
NAUTICAL_TWILIGHT_DEGREES = -12.0


def subsolar_point(now: datetime) -> tuple[float, float]:
    """Latitude and longitude, in degrees, of the place where the sun is in the zenith.

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


def darkness(now: datetime, cells_per_degree: float = 1.0) -> npt.NDArray[np.float64]:
    """Darkness of each place: 0 where the sun is up, 1 where it is 12° below the horizon or lower.

    Args:
        now: an aware instant.
        cells_per_degree: resolution of the map.

    Returns:
        One value per cell of a plate carrée map: rows from north to south, columns from west to east, both starting
        half a cell inside the edge.

    >>> noon_in_june = darkness(datetime(2026, 6, 21, 12, tzinfo=UTC))
    >>> noon_in_june.shape, float(noon_in_june[0].max()), float(noon_in_june[-1].min())
    ((180, 360), 0.0, 1.0)
    """
    declination, sun_longitude = subsolar_point(now)
    rows, columns = round(180 * cells_per_degree), round(360 * cells_per_degree)
    latitudes = np.radians(90 - (np.arange(rows) + 0.5) / cells_per_degree)[:, np.newaxis]
    hour_angles = np.radians((np.arange(columns) + 0.5) / cells_per_degree - 180 - sun_longitude)
    sines = np.sin(latitudes) * sin(radians(declination)) + np.cos(latitudes) * cos(
        radians(declination)
    ) * np.cos(hour_angles)
    altitudes = np.degrees(np.arcsin(np.clip(sines, -1, 1)))
    shade: npt.NDArray[np.float64] = np.clip(altitudes / NAUTICAL_TWILIGHT_DEGREES, 0, 1)
    return shade
