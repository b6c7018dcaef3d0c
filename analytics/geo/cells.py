"""Clusters visitors by the cells of a grid over the globe, coarser for farther views. Pure.

A cell belongs to the grid and not to the data: it does not move while visitors come and go, so a URL can name it, and its
visitors are exactly those between its four bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

CELL_SIZES: Final = (0.0625, 0.25, 0.5, 1.0, 1.5, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 9.0, 10.0, 12.0, 15.0, 30.0)
"""Heights of a cell in degrees of latitude, finest first; the finest is about the size of a town."""

LEVELS: Final[tuple[tuple[float, int], ...]] = ((2.5, 200), (0.5, 400), (0.0625, 850))
"""(finest cell, most clusters) for a view of the whole globe, a continent, a country."""

_SEEN_DEGREES: Final = 65.0
"""Angle from the middle of a view within which a place is well visible."""

_MOST_VIEWS: Final = 100

CLUSTER_COLUMNS: Final = ("latitude", "longitude", "city", "country_code", "visitors", "places", "cell")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a grid.

    Attributes:
        size: Height in degrees, one of `CELL_SIZES`; the cell is about as wide on the ground as it is high.
        row: Counted from the South Pole.
        column: Counted eastward from the 180th meridian.
    """

    size: float
    row: int
    column: int

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Parses the name of a cell in a URL.

        Raises:
            ValueError: There is no such cell.

        >>> Cell.parse("2.5-55-71")
        Cell(size=2.5, row=55, column=71)
        """
        sizes = {f"{size:g}": size for size in CELL_SIZES}
        parts = text.split("-")
        if len(parts) != 3 or parts[0] not in sizes or not all(_is_number(part) for part in parts[1:]):
            raise ValueError("That is not the name of a place on the globe.")
        size, row, column = sizes[parts[0]], int(parts[1]), int(parts[2])
        if row >= _rows(size) or column >= int(_columns(size, np.array([row]))[0]):
            raise ValueError("There is no such place on the globe.")
        return cls(size, row, column)

    def __str__(self) -> str:
        return f"{self.size:g}-{self.row}-{self.column}"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """South and west (inclusive), north and east (exclusive), degrees; the last cells include pole and meridian.

        >>> Cell(30.0, 5, 0).bounds
        (60.0, -180.0, 91.0, -60.0)
        """
        columns = int(_columns(self.size, np.array([self.row]))[0])
        width = 360 / columns
        south, west = self.row * self.size - 90, self.column * width - 180
        north = south + self.size if self.row < _rows(self.size) - 1 else 91.0
        east = (self.column + 1) * width - 180 if self.column < columns - 1 else 181.0
        return south, west, north, east

    @property
    def middle(self) -> tuple[float, float]:
        """Latitude and longitude of its middle, degrees.

        >>> Cell(30.0, 3, 0).middle
        (15.0, -165.0)
        """
        south, west, north, east = self.bounds
        return (south + min(north, 90.0)) / 2, (west + min(east, 180.0)) / 2


def located(locations: pd.DataFrame) -> pd.DataFrame:
    """The rows with valid coordinates; (0, 0) means that a visitor has none."""
    on_earth = locations["latitude"].between(-90, 90) & locations["longitude"].between(-180, 180)
    return locations[on_earth & ~(locations["latitude"].eq(0) & locations["longitude"].eq(0))]


def zoom_levels(locations: pd.DataFrame) -> tuple[pd.DataFrame, ...]:
    """Clusters `schemas.VISITOR_LOCATIONS` for each of `LEVELS`, farthest first; all have the same sum of visitors.

    The cells of a level grow until it has at most its number of clusters.
    """
    places = located(locations)
    levels = []
    for finest, most in LEVELS:
        sizes = (size for size in CELL_SIZES if size >= finest)
        fitting = next((size for size in sizes if _count(places, size) <= most), CELL_SIZES[-1])
        levels.append(clusters(places, fitting))
    return tuple(levels)


def clusters(places: pd.DataFrame, size: float) -> pd.DataFrame:
    """Merges the places of `located`: one row per cell with visitors, most visitors first; no places give no rows.

    Columns:
        latitude, longitude (float, degrees): average of its visitors.
        city, country_code (string): of its place with most visitors; untrusted text.
        visitors (int), places (int)
        cell (string): as `Cell.parse` takes it.
    """
    if places.empty:
        return pd.DataFrame({name: [] for name in CLUSTER_COLUMNS})
    latitude, longitude = _points(places)
    visitors = places["visitors"].to_numpy()
    rows, columns = _cell_of(latitude, longitude, size)
    parts = pd.DataFrame(
        {
            "row": rows,
            "column": columns,
            "visitors": visitors,
            "weighted_latitude": latitude * visitors,
            "weighted_longitude": longitude * visitors,
            "city": places["city"].to_numpy(),
            "country_code": places["country_code"].to_numpy(),
        }
    ).sort_values(["visitors", "country_code", "city"], ascending=[False, True, True], kind="stable")
    cells = parts.groupby(["row", "column"], sort=True)
    sums = cells[["visitors", "weighted_latitude", "weighted_longitude"]].sum()
    first = cells[["city", "country_code"]].first()
    grouped = pd.DataFrame(
        {
            "latitude": sums["weighted_latitude"] / sums["visitors"],
            "longitude": sums["weighted_longitude"] / sums["visitors"],
            "city": first["city"],
            "country_code": first["country_code"],
            "visitors": sums["visitors"].astype("int64"),
            "places": cells.size(),
            "cell": [str(Cell(size, int(row), int(column))) for row, column in sums.index],
        }
    )
    # Large clusters are drawn first, below the small ones, so that none is hidden.
    return grouped.sort_values(["visitors", "cell"], ascending=[False, True]).reset_index(drop=True)


def _count(places: pd.DataFrame, size: float) -> int:
    """Number of clusters with cells of that size."""
    rows, columns = _cell_of(*_points(places), size)
    return len(np.unique(rows * 1_000_000 + columns))


def _points(places: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Latitudes and longitudes, rounded to 32 bits as in the comparisons of the pipe."""
    return (
        places["latitude"].to_numpy(dtype="float32").astype("float64"),
        places["longitude"].to_numpy(dtype="float32").astype("float64"),
    )


def _cell_of(
    latitude: npt.NDArray[np.float64], longitude: npt.NDArray[np.float64], size: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row and column of each point. The bounds decide, because the quotient may be off by a rounding error."""
    rows = np.floor((latitude + 90) / size).astype("int64")
    rows += (latitude >= (rows + 1) * size - 90).astype("int64")
    rows -= (latitude < rows * size - 90).astype("int64")
    rows = np.clip(rows, 0, _rows(size) - 1)
    counts = _columns(size, rows)
    width = 360 / counts
    columns = np.floor((longitude + 180) / width).astype("int64")
    columns += (longitude >= (columns + 1) * width - 180).astype("int64")
    columns -= (longitude < columns * width - 180).astype("int64")
    return rows, np.clip(columns, 0, counts - 1)


def _rows(size: float) -> int:
    return round(180 / size)


def _columns(size: float, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number of cells of each row: fewer towards the poles, where the circle of latitude is short."""
    circle = np.cos(np.radians(rows * size + size / 2 - 90))
    counts: npt.NDArray[np.int64] = np.maximum(1, np.rint(360 / size * circle)).astype("int64")
    return counts


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6


def fullest_view(clusters: pd.DataFrame, steepest: float) -> tuple[float, float] | None:
    """Middle of the first view: the busiest place when half of all visitors are on its side, else the fullest side.

    None without visitors.

    Latitude, at most `steepest`, and longitude in degrees; a place nearer to a pole is viewed from there.

    >>> spread = pd.DataFrame({"latitude": [-33, 52, 48, 50], "longitude": [151, 0, 2, 14], "visitors": [2, 1, 1, 1]})
    >>> fullest_view(spread, 40.0), fullest_view(spread.head(2), 40.0), fullest_view(spread.head(0), 40.0)
    ((40.0, 0.0), (-33.0, 151.0), None)
    """
    if clusters.empty:
        return None
    places = clusters.nlargest(_MOST_VIEWS, "visitors")
    latitudes = places["latitude"].clip(-steepest, steepest)
    views = _directions(latitudes, places["longitude"])
    cosines = views @ _directions(clusters["latitude"], clusters["longitude"]).T
    seen = (cosines > np.cos(np.radians(_SEEN_DEGREES))) @ clusters["visitors"].to_numpy()
    best = 0 if 2 * seen[0] >= clusters["visitors"].sum() else int(seen.argmax())
    return float(latitudes.iloc[best]), float(places["longitude"].iloc[best])


def _directions(latitudes: pd.Series, longitudes: pd.Series) -> npt.NDArray[np.float64]:
    """Unit vectors from the middle of the globe, one row per place."""
    up, east = np.radians(latitudes.to_numpy(float)), np.radians(longitudes.to_numpy(float))
    return np.column_stack([np.cos(up) * np.cos(east), np.cos(up) * np.sin(east), np.sin(up)])
