"""The words and colours of Satisfaction, without a page."""

from itertools import pairwise

import pandas as pd
import pytest

from analytics.attribution import Attribution, Part
from analytics.intervals import Interval
from analytics.metrics import Kpi
from analytics.satisfaction import WEIGHTS, Component
from analytics.verdicts import Delta
from pages.components import satisfaction
from pages.components.palette import SCALES

# What people without red or green cones see of linear red, green and blue (Machado, Oliveira and Fernandes, 2009).
PROTANOPIA = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.01182, 0.04294, 0.968881),
)
ALL_CONES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
Cones = tuple[tuple[float, float, float], ...]


def _opened(change: float | None, *shown: float) -> Attribution:
    """An index that moved by so much, in these parts."""
    delta = Delta(change, "points", "off" if change is None else "better")
    kpi = Kpi("satisfaction", 80.0, 10, "ratings and sentiments", delta, "higher")
    point = Interval(50.0, 50.0)
    parts = [
        Part(
            Component(name, weight, 50.0, 1, "ratings", is_missing=False, interval=point),
            None,
            points,
            points,
            None,
        )
        for (name, weight), points in zip(WEIGHTS.items(), shown or (None,) * 4, strict=True)
    ]
    return Attribution(kpi, tuple(parts))


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        pytest.param(
            _opened(4.1, 3.0, 0.9, 0.0, 0.2), "Of +4.1 points, **+3.0 from rating**.", id="one stands out"
        ),
        pytest.param(
            _opened(-1.0, 0.5, -1.5, 0.0, 0.0),
            "Of −1.0 points, **−1.5 from sentiment**.",
            id="against the rest",
        ),
        pytest.param(
            _opened(0.6, 0.0, 0.3, 0.0, 0.3),
            "Of +0.6 points, **+0.3 each from sentiment and resolution**.",
            id="two alike",
        ),
        pytest.param(_opened(0.0, 0.0, 0.0, 0.0, 0.0), "No component moved it.", id="nothing moved"),
        pytest.param(_opened(None), None, id="not compared"),
    ],
)
def test_the_headline_names_what_moved_the_index(opened: Attribution, words: str | None) -> None:
    """In the words of the product: of so many points, so many from there."""
    assert satisfaction.headline(opened) == words


def test_missing_components_are_counted_by_bucket() -> None:
    """Buckets without any index are not among them, and neither is the period before."""
    series = pd.DataFrame(
        {
            "period": ["current", "current", "current", "current", "previous"],
            "satisfaction_index": [80.0, 70.0, 60.0, None, 50.0],
            "satisfaction_missing": ["", "rating", "rating, sentiment", "rating, sentiment", "rating"],
        }
    )
    words = satisfaction.missing_sentence(series, "day")
    assert (
        words
        == "Of 3 days with an index, rating in 2, sentiment in 1 are missing and counted as a neutral 50."
    )
    assert satisfaction.missing_sentence(series.iloc[:1], "day") is None
    assert satisfaction.missing_sentence(series.iloc[:0], "day") is None


@pytest.mark.parametrize("cones", [ALL_CONES, PROTANOPIA, DEUTERANOPIA], ids=["all", "no red", "no green"])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_neighbours_on_the_scale_can_be_told_apart(mode: str, cones: Cones) -> None:
    """Worst to best, in both themes, whoever looks: by at least a twentieth of the way from black to white."""
    seen = [_seen(colour, cones) for colour in SCALES[mode]]
    for one, other in pairwise(seen):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.05 * 3**0.5
    best, worst = seen[4], seen[0]
    assert sum((a - b) ** 2 for a, b in zip(best, worst, strict=True)) ** 0.5 > 0.15 * 3**0.5


def _seen(colour: str, cones: Cones) -> tuple[float, ...]:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in channels]
    return tuple(sum(weight * c for weight, c in zip(row, linear, strict=True)) for row in cones)
