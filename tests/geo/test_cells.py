"""Places: a grid whose cells hold exactly the visitors between their bounds, however many there are."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analytics.geo.cells import CELL_SIZES, LEVELS, Cell, clusters, located, zoom_levels


def places(*rows: tuple[float, float, str, str, int]) -> pd.DataFrame:
    """Rows of latitude, longitude, city, country, visitors."""
    return pd.DataFrame(list(rows), columns=["latitude", "longitude", "city", "country_code", "visitors"])


def scattered(number: int, seed: int = 1) -> pd.DataFrame:
    """So many visitors, each at a place of their own, evenly over the sphere."""
    dice = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "latitude": np.degrees(np.arcsin(dice.uniform(-1, 1, number))),
            "longitude": dice.uniform(-180, 180, number),
            "city": "Some town",
            "country_code": "US",
            "visitors": 1,
        }
    )


PARIS = (48.85, 2.35, "Paris", "FR", 5)
VERSAILLES = (48.8, 2.13, "Versailles", "FR", 1)
SYDNEY = (-33.87, 151.21, "Sydney", "AU", 7)


def test_neighbours_stand_together_and_apart_when_one_looks_closer() -> None:
    """A cluster is named after its largest place and lies where its visitors are on average."""
    far = clusters(places(PARIS, VERSAILLES, SYDNEY), 2.5)
    assert far[["city", "visitors", "places"]].to_numpy().tolist() == [["Sydney", 7, 1], ["Paris", 6, 2]]
    assert far["latitude"].tolist() == pytest.approx([-33.87, (5 * 48.85 + 48.8) / 6], abs=1e-5)
    near = clusters(places(PARIS, VERSAILLES, SYDNEY), 0.0625)
    assert near["city"].tolist() == ["Sydney", "Paris", "Versailles"]


def test_no_place_gives_no_cluster() -> None:
    """The columns stand without a row."""
    assert [len(level) for level in zoom_levels(places())] == [0, 0, 0]
    assert "cell" in clusters(places(), 1.0)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(None, None), (90.5, 0.0), (-91.0, 0.0), (0.0, 180.5), (0.0, -181.0), (float("nan"), 5.0), (0.0, 0.0)],
)
def test_what_is_outside_the_world_is_no_place(latitude: float | None, longitude: float | None) -> None:
    """Nothing is drawn beside the Earth, nor moved onto it."""
    row: Any = (latitude, longitude, "X", "XX", 1)
    assert len(located(places(row, PARIS))) == 1


@pytest.mark.parametrize("number", [1, 1000, 100_000])
def test_every_level_adds_up_and_has_an_end(number: int) -> None:
    """For any number of places: bounded clusters, and no visitor is lost."""
    for level, (_finest, most) in zip(zoom_levels(scattered(number)), LEVELS, strict=True):
        assert level["visitors"].sum() == number
        assert level["places"].sum() == number
        assert 1 <= len(level) <= most


@pytest.mark.parametrize("size", CELL_SIZES)
def test_a_cell_holds_what_lies_between_its_bounds(size: float) -> None:
    """What the globe counts in a dot is what the list finds between the bounds: one and only one cell per place."""
    corners = places(
        (90.0, 180.0, "a", "", 1),
        (-90.0, -180.0, "b", "", 1),
        (0.0, 0.0, "c", "", 1),
        (7.5, 2.5, "d", "", 1),
        (48.85, 2.35, "e", "", 1),
        (-60.0, 179.99999, "f", "", 1),
    )
    rows = pd.concat([corners, scattered(500, seed=7)])
    latitude = rows["latitude"].to_numpy(dtype="float32").astype("float64")
    longitude = rows["longitude"].to_numpy(dtype="float32").astype("float64")
    for cluster in clusters(rows, size).to_dict("records"):
        south, west, north, east = Cell.parse(cluster["cell"]).bounds
        within = (latitude >= south) & (latitude < north) & (longitude >= west) & (longitude < east)
        assert within.sum() == cluster["visitors"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris",
        "2.5",
        "2.5-1",
        "2.6-1-1",
        "2.5-72-0",
        "2.5--1-0",
        "2.5-0-999",
        "2.5-1-1-1",
        "2.5-١-1",
        "1e0-1-1",
    ],
)
def test_a_cell_that_is_none_is_refused(text: str) -> None:
    """A tampered URL names no place; the message says so."""
    with pytest.raises(ValueError, match="place"):
        Cell.parse(text)


def test_a_cell_survives_the_url() -> None:
    """Text and back."""
    cell = Cell(0.0625, 2221, 1900)
    assert Cell.parse(str(cell)) == cell
