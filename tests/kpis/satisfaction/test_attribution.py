"""The index's change, part by part: by hand, and that nothing is left over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.kpis.intervals import Interval
from analytics.kpis.satisfaction.attribution import Attribution, attributed, rounded_parts
from analytics.kpis.satisfaction.index import SatisfactionIndex, Scores, satisfaction_index
from analytics.scope.tiers import Comparability, Comparable
from tests.kpis.test_metrics import kpi_of

ALLOWED = Comparability(is_compared=True, comparable=Comparable(is_ok=True, reason=None, longest_days=45))
FORBIDDEN = Comparability(
    is_compared=True,
    comparable=Comparable(is_ok=False, reason="data reaches back 21 days", longest_days=10),
)
OFF = Comparability(is_compared=False, comparable=Comparable(is_ok=True, reason=None, longest_days=45))


def scores(value: float, n: int = 100) -> Scores:
    """So many scores of the same value."""
    return Scores(n, n * value, n * value * value)


def index(
    rating: Scores, sentiment: Scores, median: float | None, resolved: int, started: int = 1000
) -> SatisfactionIndex:
    """An index of a period."""
    return satisfaction_index(
        rating=rating,
        sentiment=sentiment,
        median_response_seconds=median,
        median_response_interval=None if median is None else Interval(median, median),
        responded=0 if median is None else 50,
        resolved=resolved,
        started=started,
    )


def opened(
    current: SatisfactionIndex, previous: SatisfactionIndex | None, comparability: Comparability = ALLOWED
) -> Attribution:
    """The attribution of an index compared as the cards compare it."""
    return attributed(kpi_of("satisfaction_index", current, previous, comparability), current, previous)


BEFORE = index(scores(75.0), scores(50.0), 600.0, 800)


def test_each_part_is_weight_times_the_change_of_its_score() -> None:
    """Rating 75 to 80, sentiment unchanged, a median of 10 m to 4 m (85 to 100), resolved 80 to 76 %."""
    result = opened(index(scores(80.0), scores(50.0), 240.0, 760), BEFORE)
    assert [part.change for part in result.parts] == pytest.approx([2.0, 0.0, 3.0, -0.6])
    assert [part.shown_change for part in result.parts] == [2.0, 0.0, 3.0, -0.6]
    assert result.kpi.delta.change == pytest.approx(4.4)
    assert result.main is not None
    assert result.main.component.name == "response"
    assert [part.previous.score for part in result.parts if part.previous] == [75.0, 50.0, 85.0, 80.0]


def test_a_part_is_real_when_the_change_of_its_score_is() -> None:
    """30 resolved of 1000 more may be chance, 40 more are not, although both sides' intervals still overlap.

    A score that stands still is neither.
    """
    by_chance = opened(index(scores(75.0), scores(50.0), 600.0, 830), BEFORE)
    real = opened(index(scores(75.0), scores(50.0), 600.0, 840), BEFORE)
    worse = opened(index(scores(75.0), scores(50.0), 7200.0, 800), BEFORE)
    assert [part.verdict for part in by_chance.parts] == ["unchanged"] * 3 + ["within_noise"]
    assert real.parts[3].verdict == "better"
    assert worse.parts[2].verdict == "worse"


def test_what_is_missing_in_both_periods_moves_nothing() -> None:
    """The neutral 50 stands on both sides, and the part stays marked."""
    before = index(Scores(), scores(50.0), 600.0, 800)
    result = opened(index(Scores(), scores(60.0), 600.0, 800), before)
    rating = result.parts[0]
    assert (rating.component.is_missing, rating.component.score, rating.change) == (True, 50.0, 0.0)
    assert rating.shown_change == 0.0
    assert result.kpi.delta.change == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("current", "previous", "comparability", "reason"),
    [
        pytest.param(BEFORE, BEFORE, FORBIDDEN, "data reaches back 21 days", id="out of reach"),
        pytest.param(BEFORE, BEFORE, OFF, None, id="switched off"),
        pytest.param(BEFORE, None, ALLOWED, "nothing rated", id="not read"),
        pytest.param(
            BEFORE, index(Scores(), Scores(), None, 0, 0), ALLOWED, "nothing rated", id="nothing before"
        ),
        pytest.param(
            index(Scores(), Scores(), None, 0, 0), BEFORE, ALLOWED, "nothing rated", id="nothing now"
        ),
        pytest.param(
            index(Scores(), scores(50.0), 600.0, 800),
            BEFORE,
            ALLOWED,
            "only one of the two periods has rating",
            id="missing on one side",
        ),
    ],
)
def test_without_a_change_there_are_no_parts_but_the_reason(
    current: SatisfactionIndex,
    previous: SatisfactionIndex | None,
    comparability: Comparability,
    reason: str | None,
) -> None:
    """What cannot be compared is not taken apart either; the components themselves stand."""
    result = opened(current, previous, comparability)
    assert {(part.change, part.shown_change, part.verdict, part.previous) for part in result.parts} == {
        (None, None, None, None)
    }
    assert [part.component for part in result.parts] == list(current.components)
    assert result.main is None
    assert (result.kpi.delta.reason or "").startswith(reason or "")


def test_when_nothing_moved_no_part_is_the_main_one() -> None:
    """The same period twice."""
    assert opened(BEFORE, BEFORE).main is None


some_scores = st.builds(scores, st.floats(0, 100), st.integers(1, 500))
indexes = st.builds(index, some_scores, some_scores, st.floats(1, 200_000), st.integers(0, 1000))


@given(indexes, indexes)
def test_parts_add_up_to_the_change(current: SatisfactionIndex, previous: SatisfactionIndex) -> None:
    """Exactly as computed, and exactly as shown: what one reads adds up, too."""
    result = opened(current, previous)
    change = result.kpi.delta.change
    assert change is not None
    assert sum(part.change or 0.0 for part in result.parts) == pytest.approx(change, abs=1e-9)
    shown = [round((part.shown_change or 0.0) * 10) for part in result.parts]
    assert abs(sum(shown) - change * 10) <= 0.5 + 1e-6


@given(st.lists(st.floats(-40, 40), min_size=4, max_size=4))
def test_rounding_invents_nothing(parts: list[float]) -> None:
    """No part is off by a tenth, none changes sides, and the sum is the rounded sum."""
    shown = rounded_parts(parts)
    assert round(sum(shown), 6) == float(f"{sum(parts):.1f}")
    for exact, rounded in zip(parts, shown, strict=True):
        assert abs(exact - rounded) < 0.1 + 1e-9
        assert exact * rounded >= 0
