"""The board: each KPI stands or fails with its own sources."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.errors import SourceError, SourceRejected, SourceUnavailable
from analytics.kpis.board import board
from analytics.kpis.declarations import KPIS
from analytics.kpis.totals import ConversationPeriods, ConversationTotals, Funnel, VisitorPeriods
from analytics.kpis.verdicts import Delta
from analytics.readings import Reading
from analytics.schemas import RATING_AND_SENTIMENT
from analytics.scope.access import Viewer, Website
from analytics.scope.comparison import BEFORE, OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.views import ResolvedView, View, resolve
from tests.kpis.test_totals import TOTALS as WITHOUT_FUNNEL

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
TOTALS = replace(
    WITHOUT_FUNNEL,
    started_responded=7,
    started_resolved=5,
    started_ai_resolved=2,
    started_resolved_unanswered=1,
)
EMPTY = ConversationTotals()
TINYBIRD_DOWN = SourceUnavailable("Down.", source="tinybird", resource="inbox_analytics")
POSTGRES_DOWN = SourceUnavailable("Down.", source="postgres", resource="rating_and_sentiment")

ON_CONVERSATIONS = tuple(key for key, kpi in KPIS.items() if "conversations" in kpi.sources)

Conversations = Reading[ConversationPeriods]
Visitors = Reading[VisitorPeriods]
CONVERSATIONS: Conversations = Reading(ConversationPeriods(TOTALS, TOTALS), NOW)
VISITORS: Visitors = Reading(VisitorPeriods(100, 90), NOW - timedelta(seconds=30))
SCORES: Reading[pd.DataFrame] = Reading(
    RATING_AND_SENTIMENT.frame(
        [column.name for column in RATING_AND_SENTIMENT.columns],
        [
            {
                "period": period,
                "slot_start": NOW,
                "rating_count": 1,
                "rating_total": 75.0,
                "rating_total_of_squares": 5625.0,
                "sentiment_count": 1,
                "sentiment_total": 100.0,
                "sentiment_total_of_squares": 10_000.0,
                **dict.fromkeys([column.name for column in RATING_AND_SENTIMENT.columns[-8:]], 0),
            }
            for period in ("current", "previous")
        ],
    ),
    NOW - timedelta(seconds=60),
)


def view(text: str = "7d", *, is_compared: bool = True) -> ResolvedView:
    """A view of a paid website."""
    website = Website("w1", "Shop", "shop", "shop.example", "o1", "Org", "paid")
    viewer = Viewer("u1", "Ann", False, Identity("ann@example.com", None))
    return resolve(View(viewer, "w1", Range.parse(text), "UTC", NOW, BEFORE if is_compared else OFF), website)


def test_with_everything_there_are_five_kpis_in_card_order() -> None:
    """All five, the funnel, both indexes, and the age of the oldest read."""
    reading = board(view(), CONVERSATIONS, VISITORS, SCORES)
    assert tuple(reading.value.kpis) == tuple(KPIS)
    assert reading.value.errors == {}
    assert reading.value.funnel == Funnel(10, 7, 5, 2, 1)
    assert reading.value.satisfaction is not None
    assert reading.value.satisfaction == reading.value.previous_satisfaction
    # 0.40 × 75 + 0.25 × 100 + 0.20 × 100 + 0.15 × 60
    assert reading.value.satisfaction.score == pytest.approx(84.0)
    assert (reading.as_of, reading.is_stale, reading.failures) == (NOW - timedelta(seconds=60), False, ())


@pytest.mark.parametrize(
    ("conversations", "visitors", "scores", "failed"),
    [
        pytest.param(CONVERSATIONS, VISITORS, POSTGRES_DOWN, {"satisfaction_index"}, id="Postgres down"),
        pytest.param(CONVERSATIONS, TINYBIRD_DOWN, SCORES, {"unique_visitors"}, id="visitors down"),
        pytest.param(
            TINYBIRD_DOWN, VISITORS, SCORES, set(KPIS) - {"unique_visitors"}, id="conversations down"
        ),
        pytest.param(
            CONVERSATIONS,
            TINYBIRD_DOWN,
            POSTGRES_DOWN,
            {"satisfaction_index", "unique_visitors"},
            id="two down",
        ),
    ],
)
def test_a_failed_source_takes_its_own_cards_alone(
    conversations: Conversations | SourceError,
    visitors: Visitors | SourceError,
    scores: Reading[pd.DataFrame] | SourceError,
    failed: set[str],
) -> None:
    """The failed KPIs carry their error, the others stand, and no KPI is in both."""
    reading = board(view(), conversations, visitors, scores)
    assert set(reading.value.errors) == failed
    assert set(reading.value.kpis) == set(KPIS) - failed
    assert reading.failures


def test_a_source_that_is_down_is_no_missing_component() -> None:
    """Without Postgres there is no satisfaction index, not one with two neutral halves."""
    reading = board(view(), CONVERSATIONS, VISITORS, POSTGRES_DOWN)
    assert reading.value.satisfaction is None
    assert reading.value.errors["satisfaction_index"] is POSTGRES_DOWN


@pytest.mark.parametrize("waiting", [None, POSTGRES_DOWN, Reading(12, NOW)])
def test_those_who_still_wait_stand_beside_the_median_response_alone(
    waiting: Reading[int] | SourceError | None,
) -> None:
    """No KPI needs them: where they could not be counted, all five are there."""
    kpis = board(view(), CONVERSATIONS, VISITORS, SCORES, None, waiting).value.kpis
    expected = waiting.value if isinstance(waiting, Reading) else None
    assert kpis["median_response"].still_waiting == expected
    assert {kpi.still_waiting for key, kpi in kpis.items() if key != "median_response"} == {None}


@pytest.mark.parametrize(
    "visitors", [TINYBIRD_DOWN, None], ids=["visitors down too", "visitors out of reach"]
)
def test_with_nothing_to_show_the_failure_is_raised(visitors: SourceError | None) -> None:
    """An empty board would look like an empty website."""
    with pytest.raises(SourceUnavailable):
        board(view("2026-09-01..2026-09-03"), TINYBIRD_DOWN, visitors, SCORES)


def test_one_stale_read_makes_the_board_stale() -> None:
    """And it says which failure is behind it."""
    reason = SourceRejected("No.", source="tinybird", resource="unique_visitors", status=403)
    stale = replace(VISITORS, is_stale=True, stale_reason=reason)
    reading = board(view(), CONVERSATIONS, stale, SCORES)
    assert reading.is_stale
    assert reading.stale_reason is reason


def test_a_stale_count_of_those_who_wait_is_marked_alone() -> None:
    """With when it was read, in the view's timezone; the board, all of whose KPIs are fresh, is not stale."""
    stale: Reading[int] = Reading(12, NOW - timedelta(hours=1), is_stale=True, stale_reason=POSTGRES_DOWN)
    reading = board(view(), CONVERSATIONS, VISITORS, SCORES, None, stale)
    response = reading.value.kpis["median_response"]
    assert (reading.is_stale, reading.as_of, reading.failures) == (False, SCORES.as_of, ())
    assert (response.still_waiting, response.still_waiting_stale_since) == (12, NOW - timedelta(hours=1))
    assert response.still_waiting_stale_since is not None
    assert response.still_waiting_stale_since.tzinfo == view().period.timezone


def test_an_empty_website_has_reasons_and_no_numbers() -> None:
    """Nothing happened: no medians, no rate, no index, zero visitors."""
    no_scores = replace(SCORES, value=SCORES.value.iloc[:0])
    nothing: Visitors = Reading(VisitorPeriods(0, 0), NOW)
    kpis = board(view(), Reading(ConversationPeriods(EMPTY, EMPTY), NOW), nothing, no_scores).value.kpis
    assert {key: kpi.value for key, kpi in kpis.items() if kpi.value is not None} == {"unique_visitors": 0.0}
    assert all(kpis[key].missing_reason for key in ON_CONVERSATIONS)
    assert {kpi.delta.verdict for kpi in kpis.values()} == {"not_comparable"}


def test_what_may_not_be_compared_has_no_previous_value() -> None:
    """90 days on paid: the period before is not read, not shown, and the reason is given."""
    reading = board(view("90d"), CONVERSATIONS, VISITORS, SCORES)
    assert reading.value.previous_satisfaction is None
    for kpi in reading.value.kpis.values():
        assert (kpi.previous_value, kpi.delta.verdict) == (None, "not_comparable")
    assert reading.value.kpis["median_response"].delta.longest_comparable_days == 45
    assert reading.value.kpis["unique_visitors"].delta.longest_comparable_days == 15


def test_only_visitors_are_shortened_by_the_ttl() -> None:
    """45 days on paid: a note on the visitors' card, none on the others."""
    kpis = board(view("45d"), CONVERSATIONS, VISITORS, SCORES).value.kpis
    assert kpis["unique_visitors"].note is not None
    assert "30 days" in kpis["unique_visitors"].note
    assert all(kpis[key].note is None for key in ON_CONVERSATIONS)
    assert kpis["median_response"].delta.verdict == "unchanged"


def test_comparison_switched_off_is_off_everywhere() -> None:
    """No verdict on any card."""
    kpis = board(view(is_compared=False), CONVERSATIONS, VISITORS, SCORES).value.kpis
    assert {kpi.delta.verdict for kpi in kpis.values()} == {"off"}


def test_days_that_differ_widen_what_visitors_may_have_changed_by() -> None:
    """The same totals of seven days: steady ones leave a change real that uneven ones do not."""

    def change(*current: int) -> Delta:
        assert sum(current) == 910
        days = pd.DataFrame(
            {
                "period": ["current"] * 7 + ["previous"] * 7,
                "unique_visitors": [*current, *(count - 30 for count in current)],
            }
        )
        visitors = Reading(VisitorPeriods(910, 700), NOW)
        return (
            board(view(), CONVERSATIONS, visitors, SCORES, Reading(days, NOW))
            .value.kpis["unique_visitors"]
            .delta
        )

    steady, uneven = change(130, 131, 129, 130, 132, 128, 130), change(30, 310, 40, 200, 35, 245, 50)
    assert (steady.verdict, uneven.verdict) == ("better", "within_noise")
    assert steady.change == uneven.change == pytest.approx(0.3)
