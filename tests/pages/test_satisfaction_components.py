"""The words and colours of Satisfaction, without a page."""

from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest

from analytics.kpis.declarations import KPIS
from analytics.kpis.intervals import Interval
from analytics.kpis.metrics import Kpi
from analytics.kpis.satisfaction.attribution import Attribution, ComponentChange
from analytics.kpis.satisfaction.index import WEIGHTS, Component
from analytics.kpis.verdicts import Delta, Estimate, Verdict
from pages.components.panels.satisfaction import satisfaction_index
from pages.components.theme_colors import SCALES

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


def _opened(change: float | None, *shown: float, verdict: Verdict = "better") -> Attribution:
    """An index that moved by so much, in these parts."""
    delta = Delta(change, "points", "off" if change is None else verdict)
    kpi = Kpi(KPIS["satisfaction_index"], Estimate(80.0, 10, None), None, delta)
    point = Interval(50.0, 50.0)
    parts = [
        ComponentChange(
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
            _opened(4.1, 3.0, 0.9, 0.0, 0.2),
            "Ratings account for **+3.0** of the +4.1 points.",
            id="one stands out",
        ),
        pytest.param(
            _opened(-1.0, 0.5, -1.5, 0.0, 0.0),
            "Sentiment accounts for **−1.5**, the others for +0.5: −1.0 points.",
            id="against the rest",
        ),
        pytest.param(
            _opened(0.6, 0.0, 0.3, 0.0, 0.3),
            "Sentiment and resolution account for **+0.3** each of the +0.6 points.",
            id="two alike",
        ),
        pytest.param(_opened(0.0, 0.0, 0.0, 0.0, 0.0), "No component moved it.", id="nothing moved"),
        pytest.param(_opened(None), None, id="not compared"),
        pytest.param(_opened(-2.4, -2.3, -0.1, 0.0, 0.0, verdict="within_noise"), None, id="no clear change"),
    ],
)
def test_the_headline_names_what_moved_the_index(opened: Attribution, words: str | None) -> None:
    """So many of so many points, and nothing where no change is clear."""
    assert satisfaction_index.headline(opened) == words


def _scored(*scores: float) -> Attribution:
    """Components with these scores now, and 100 before."""
    opened = _opened(None)
    return replace(
        opened,
        parts=tuple(
            replace(
                part,
                component=replace(part.component, score=score),
                previous=replace(part.component, score=100.0),
            )
            for part, score in zip(opened.parts, scores, strict=True)
        ),
    )


def test_the_contributions_add_up_to_the_index() -> None:
    """33.0 + 16.0 + 20.0 + 13.4 = 82.4, by hand; and where each alone rounds up, the sum is still that of the parts."""
    words = satisfaction_index.sum_sentence(_scored(82.5, 64.0, 100.0, 89.3))
    assert words == "33.0 + 16.0 + 20.0 + 13.4 = <b>82.4</b> of 100"
    # 0.4 x 10.1 = 4.04, 0.25 x 16.16 = 4.04, 0.2 x 20.2 = 4.04, 0.15 x 26.94 = 4.041: together 16.161.
    words = satisfaction_index.sum_sentence(_scored(10.1, 16.16, 20.2, 26.94))
    assert words == "4.1 + 4.0 + 4.0 + 4.1 = <b>16.2</b> of 100"


def test_a_response_that_cannot_score_higher_is_said() -> None:
    """At 100 it no longer moves, however fast responses become."""
    best = "Response has its best score in both periods: a median of up to 5 m counts 100."
    assert satisfaction_index.best_response(_scored(50.0, 50.0, 100.0, 50.0)) == best
    assert satisfaction_index.best_response(_scored(50.0, 50.0, 85.0, 50.0)) is None


def test_missing_components_are_counted_by_bucket() -> None:
    """Buckets without any index are not among them, and neither is the period before."""
    series = pd.DataFrame(
        {
            "period": ["current", "current", "current", "current", "previous"],
            "satisfaction_index": [80.0, 70.0, 60.0, None, 50.0],
            "satisfaction_missing": ["", "rating", "rating, sentiment", "rating, sentiment", "rating"],
        }
    )
    words = satisfaction_index.missing_sentence(series, "day")
    assert (
        words
        == "Of 3 days with an index, rating in 2, sentiment in 1 are missing and counted as a neutral 50."
    )
    assert satisfaction_index.missing_sentence(series.iloc[:1], "day") is None
    assert satisfaction_index.missing_sentence(series.iloc[:0], "day") is None


@pytest.mark.parametrize("cones", [ALL_CONES, PROTANOPIA, DEUTERANOPIA], ids=["all", "no red", "no green"])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_neighbours_on_the_scale_can_be_distinguished(mode: str, cones: Cones) -> None:
    """Worst to best, in both themes, for all kinds of colour vision: by at least a twentieth of the way from black to white."""
    seen = [_seen(colour, cones) for colour in SCALES[mode]]
    for one, other in pairwise(seen):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.05 * 3**0.5
    best, worst = seen[4], seen[0]
    assert sum((a - b) ** 2 for a, b in zip(best, worst, strict=True)) ** 0.5 > 0.15 * 3**0.5


def _seen(colour: str, cones: Cones) -> tuple[float, ...]:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in channels]
    return tuple(sum(weight * c for weight, c in zip(row, linear, strict=True)) for row in cones)
