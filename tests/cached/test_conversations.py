"""What Conversations asks: whose key is whole, what is shared, and what stands while a source is down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics import cached, schemas, sources
from analytics.cached import View
from analytics.cached.reading import reads
from analytics.errors import SchemaMismatch, SourceError
from analytics.readings import Answer
from analytics.scope.comparison import OFF
from analytics.scope.periods import Range
from analytics.scope.selection import HourOfWeek, Selection, Sort, Times
from tests.cached.test_cached import Traffic, now, traffic, view, viewer  # noqa: F401  # fixtures
from tests.product_database import Product
from tests.sources.test_conversations import Send

SELECTIONS = (
    Selection(),
    Selection(response=Times("band", 0)),
    Selection(resolution=Times("band", 0)),
    Selection(hour_of_week=HourOfWeek(1, 0)),
    Selection(hour_of_week=HourOfWeek(1, 1)),
    Selection(handled_by="ai"),
    Selection(is_escalated=True),
    Selection(status="open"),
    Selection(response=Times("within", 900)),
    Selection(response=Times("longer", 900)),
)


def test_each_selection_is_read_once(traffic: Traffic, view: View) -> None:  # noqa: F811
    """One call per selection, however often it is asked for; the page of the list is part of its question."""
    for _ in range(2):
        for selection in SELECTIONS:
            cached.conversation_breakdown(cached.open_view(view), selection)
            cached.conversation_list(cached.open_view(view), selection, 1)
            cached.conversation_timeseries(cached.open_view(view), selection)
    assert traffic.of("kpi_timeseries") == len(SELECTIONS)
    assert traffic.of("conversation_breakdown") == len(SELECTIONS)
    assert traffic.of("conversation_list") == len(SELECTIONS)
    asked = [parameters for name, parameters in traffic.requests if name == "conversation_breakdown"]
    assert [each.get("escalation") for each in asked].count("escalated") == 1
    assert asked[-1]["response_longer"] == "900"
    assert asked[1]["response_band"] == "0"
    assert asked[0]["offset_seconds"] == "19800"


def test_another_timezone_or_range_is_another_question(traffic: Traffic, view: View) -> None:  # noqa: F811
    """Hours of the week are local; a period is not another."""
    for changed in (view, replace(view, timezone="UTC"), replace(view, range=Range(days=14))):
        cached.conversation_breakdown(cached.open_view(changed), Selection())
        cached.conversation_list(cached.open_view(changed), Selection(), 1)
    assert traffic.of("conversation_breakdown") == traffic.of("conversation_list") == 3


def test_the_series_of_everything_costs_nothing_beside_overview(
    traffic: Traffic,  # noqa: F811
    view: View,  # noqa: F811
) -> None:
    """Overview and Conversations share one read of the pipe; only what is selected is asked for anew."""
    overview = cached.kpi_timeseries(cached.open_view(view)).value
    series = cached.conversation_timeseries(cached.open_view(view), Selection()).value
    assert traffic.of("kpi_timeseries") == 1
    assert list(series["responded"]) == list(overview["responded"])
    assert not {"satisfaction_index", "unique_visitors"} & set(series.columns)


def test_nothing_before_the_tier_is_asked_for(
    traffic: Traffic,  # noqa: F811
    view: View,  # noqa: F811
    now: datetime,  # noqa: F811
) -> None:
    """Whatever the URL asks for, the pipes are asked from the tier's limit on."""
    long = replace(view, range=Range(days=3000))
    cached.conversation_breakdown(cached.open_view(long), Selection())
    cached.conversation_list(cached.open_view(long), Selection(), 1)
    starts = [
        datetime.fromisoformat(parameters["date_from"]).replace(tzinfo=UTC)
        for name, parameters in traffic.requests
        if name.startswith("conversation_")
    ]
    assert len(starts) == 2
    assert min(starts) >= now - timedelta(days=90)


@pytest.fixture
def many(product: Product, send_events: Send, now: datetime) -> Product:  # noqa: F811
    """Thirty conversations started an hour ago."""
    rows = [
        {
            "timestamp": (now - timedelta(hours=1)).isoformat(),
            "website_id": product.website_id,
            "visitor_id": "v1",
            "event_type": "conversation_started",
            "conversation_id": f"{product.key}-{number:02}",
            "duration_seconds": 0,
        }
        for number in range(30)
    ]
    send_events("conversation_metrics", rows)
    return product


def test_a_page_past_the_end_is_the_last(many: Product, view: View) -> None:  # noqa: F811
    """Five of thirty are on the second page, and on every later one; there is no page 0."""
    assert many.website_id == view.website_id
    pages = {
        number: cached.conversation_list(cached.open_view(view), Selection(), number).value
        for number in (0, 1, 2, 3, 10**9)
    }
    assert [len(pages[number].rows) for number in pages] == [25, 25, 5, 5, 5]
    assert [pages[number].page for number in pages] == [1, 1, 2, 2, 2]
    assert {(page.total, page.page_count) for page in pages.values()} == {(30, 2)}
    assert not pages[1].rows["is_known"].any()


def test_the_order_is_that_of_all_pages(
    traffic: Traffic,  # noqa: F811
    many: Product,
    view: View,  # noqa: F811
) -> None:
    """Ratings come from Postgres, are read once for all pages, and the lowest is first although it is the oldest row."""
    rated = {f"{many.key}-29": 2, f"{many.key}-28": 1, f"{many.key}-27": 5}
    at = view.now - timedelta(hours=1)
    for name, rating in rated.items():
        many.update("conversation", many.add_conversation(at, updated_at=at), id=name)
        many.add_feedback(at, rating, conversation_id=name)
    pages = [
        cached.conversation_list(cached.open_view(view), Selection(), page, "lowest_rating").value
        for page in (1, 2)
    ]
    names = [name for page in pages for name in page.rows["conversation_id"]]
    assert names[:3] == [f"{many.key}-{number}" for number in (28, 29, 27)]
    assert sorted(names) == [f"{many.key}-{number:02}" for number in range(30)]
    assert pages[0].rows["rating"].head(4).tolist()[:3] == [1, 2, 5]
    assert {page.sort for page in pages} == {"lowest_rating"}
    assert {page.ratings is not None and not page.ratings.is_cut for page in pages} == {True}
    assert traffic.asked["rated_conversations"] == 1
    whole = pd.concat(
        list(cached.every_conversation(cached.open_view(view), Selection(), "lowest_rating").pages)
    )
    assert whole["conversation_id"].tolist() == names
    orders: tuple[Sort, ...] = ("newest", "slowest_response", "slowest_resolution")
    for sort in orders:
        assert cached.conversation_list(cached.open_view(view), Selection(), 1, sort).value.sort == sort
    asked = [parameters for name, parameters in traffic.requests if name == "conversation_list"]
    assert "sort" not in asked[-3]
    assert [parameters["sort"] for parameters in asked[-2:]] == list(orders[1:])
    assert not any("rated_ids" in parameters for parameters in asked[-3:])


def test_without_postgres_the_order_by_rating_is_newest_first(
    traffic: Traffic,  # noqa: F811
    many: Product,
    view: View,  # noqa: F811
) -> None:
    """The rows say which order they are in; a file in an order that cannot be had is none."""
    del many
    cached.open_view(view)
    traffic.is_postgres_down = True
    listing = cached.conversation_list(cached.open_view(view), Selection(), 1, "lowest_rating").value
    assert (listing.sort, listing.ratings, len(listing.rows)) == ("newest", None, 25)
    with pytest.raises(SourceError):
        cached.every_conversation(cached.open_view(view), Selection(), "lowest_rating")


def test_the_bands_before_are_read_where_they_are_compared(traffic: Traffic, view: View) -> None:  # noqa: F811
    """One more call, of the days before; none with the comparison off."""
    assert (
        cached.conversation_breakdown_before(cached.open_view(replace(view, comparison=OFF)), Selection())
        is None
    )
    assert traffic.of("conversation_breakdown") == 0
    cached.conversation_breakdown(cached.open_view(view), Selection())
    before = cached.conversation_breakdown_before(cached.open_view(view), Selection())
    assert before is not None
    now_asked, before_asked = (
        parameters for name, parameters in traffic.requests if name == "conversation_breakdown"
    )
    assert before_asked["date_to"] <= now_asked["date_from"]


def test_without_postgres_the_list_stands(
    traffic: Traffic,  # noqa: F811
    many: Product,
    view: View,  # noqa: F811
) -> None:
    """Times come from Tinybird; what is missing is in `failures`, and nothing counts as deleted."""
    del many
    cached.open_view(view)
    traffic.is_postgres_down = True
    reading = cached.conversation_list(cached.open_view(view), Selection(), 1)
    assert len(reading.value.rows) == 25
    assert reading.value.rows["is_known"].all()
    assert [failure.source for failure in reading.failures] == ["postgres"]


def test_the_last_good_page_comes_back_stale(
    traffic: Traffic,  # noqa: F811
    many: Product,
    view: View,  # noqa: F811
) -> None:
    """While Tinybird is down a page that was read is shown, marked; one that never was raises."""
    del many
    cached.conversation_list(cached.open_view(view), Selection(), 1)
    cached.conversation_breakdown(cached.open_view(view), Selection())
    traffic.is_tinybird_down = True
    later = replace(view, now=view.now + timedelta(minutes=5))
    assert cached.conversation_list(cached.open_view(later), Selection(), 1).is_stale
    assert cached.conversation_breakdown(cached.open_view(later), Selection()).is_stale
    with pytest.raises(SourceError):
        cached.conversation_breakdown(cached.open_view(later), Selection(handled_by="ai"))


def test_rows_that_were_lost_are_not_an_empty_page(
    many: Product,
    view: View,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The breakdown counts thirty: the last good page stays, without one there is an error, and so for a file."""
    assert many.website_id == view.website_id
    opened = cached.open_view(view)
    good = cached.conversation_list(opened, Selection(), 1).value
    nothing = Answer(schemas.CONVERSATION_LIST.empty(), view.now)
    monkeypatch.setattr(sources, "conversation_list", lambda *_, **__: nothing)
    reads.expire()
    kept = cached.conversation_list(opened, Selection(), 1)
    assert (kept.is_stale, kept.value.total, len(kept.value.rows)) == (True, good.total, 25)
    for ask in (
        lambda: cached.conversation_list(opened, Selection(), 2),
        lambda: cached.conversation_list(opened, Selection(), 1, "slowest_response"),
        lambda: cached.every_conversation(opened, Selection()),
    ):
        with pytest.raises(SchemaMismatch, match="conversation_breakdown counts some"):
            ask()
    empty = cached.conversation_list(opened, Selection(handled_by="ai"), 1)
    assert (empty.is_stale, empty.value.total) == (False, 0)
    assert cached.every_conversation(opened, Selection(handled_by="ai")).total == 0
