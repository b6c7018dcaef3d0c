"""The cached module: whose key is whole, whose access is checked, and whose failures are never data.

Everything is asked of the running local stack and counted where it leaves: HTTP requests at the transport, Postgres
at the one function that reads.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import httpx2
import pandas as pd
import pytest
import streamlit.config
from streamlit.testing.v1 import AppTest

from analytics import cached
from analytics.cached import OpenedView, View, Viewer
from analytics.cached import view as cached_view
from analytics.cached.reading import reads
from analytics.errors import (
    AccessDenied,
    ConfigError,
    NotSignedIn,
    SourceError,
    SourceRejected,
    SourceUnavailable,
)
from analytics.geo.cells import Cell
from analytics.kpis.declarations import KPIS
from analytics.scope.comparison import OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.selection import Selection
from analytics.sources import VisitorFilters
from analytics.transports.postgres import Parameter, Postgres, QueryAnswer
from analytics.transports.tinybird import Tinybird
from tests.conftest import LocalStack
from tests.product_database import Product


class Traffic:
    """Counts what is asked of the real sources, and can cut either of them off.

    Attributes:
        asked: How often each pipe and query was asked for.
        requests: Name and parameters of each request to a pipe, in order.
        is_tinybird_down: True makes Tinybird answer 503.
        is_postgres_down: True refuses every read of Postgres.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.is_tinybird_down = False
        self.is_postgres_down = False

    def of(self, *names: str) -> int:
        """How often these pipes or queries were asked for, together."""
        return sum(self.asked[name] for name in names)


@pytest.fixture
def traffic(stack_environment: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """The local stack as the process's sources, with everything that is asked of it counted."""
    del stack_environment
    traffic = Traffic()
    send, read = httpx2.HTTPTransport.handle_request, Postgres.read

    def counted_send(self: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        name = request.url.path.removeprefix("/v0/pipes/").removesuffix(".json")
        traffic.asked[name] += 1
        traffic.requests.append((name, dict(request.url.params)))
        if traffic.is_tinybird_down:
            return httpx2.Response(
                503
            )  # unlike no answer at all, it does not make the next reads fail at once
        return send(self, request)

    def counted_read(
        self: Postgres, name: str, statement: str, params: Mapping[str, Parameter]
    ) -> QueryAnswer:
        traffic.asked[name] += 1
        if traffic.is_postgres_down:
            raise SourceUnavailable("Postgres cannot be reached.", source="postgres", resource=name)
        return read(self, name, statement, params)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", counted_send)
    monkeypatch.setattr(Postgres, "read", counted_read)
    return traffic


@pytest.fixture
def now() -> datetime:
    """This moment: the live pipes have their own clock."""
    return datetime.now(UTC)


@pytest.fixture
def viewer(product: Product, traffic: Traffic, now: datetime) -> Viewer:
    """A member of the product's organization, which is on a paid plan."""
    del traffic
    product.add_subscription("pro", "active")
    product.add_user(f"ann.{product.key}@example.com")
    return cached.viewer_for(Identity(f"ann.{product.key}@example.com", None), now)


@pytest.fixture
def view(product: Product, viewer: Viewer, now: datetime) -> View:
    """The last 7 days in Kolkata."""
    return View(viewer, product.website_id, Range(days=7), "Asia/Kolkata", now)


KPI_READS = ("inbox_analytics", "unique_visitors", "rating_and_sentiment")


def other_viewer(product: Product, now: datetime) -> Viewer:
    """A second member of the same organization."""
    email = f"{uuid4().hex}@example.com"
    product.add_user(email)
    return cached.viewer_for(Identity(email, None), now)


def test_kpis_are_read_once_and_shared_by_viewers(
    traffic: Traffic, product: Product, view: View, now: datetime
) -> None:
    """The same website and period: one read per source, for all viewers."""
    cached.kpis(cached.open_view(view))
    assert [traffic.of(name) for name in KPI_READS] == [1, 1, 1]
    cached.kpis(cached.open_view(view))
    cached.kpis(cached.open_view(replace(view, viewer=other_viewer(product, now))))
    assert [traffic.of(name) for name in KPI_READS] == [1, 1, 1]


def test_with_comparison_off_the_period_before_is_not_even_read(traffic: Traffic, view: View) -> None:
    """What was never asked for can be in no card, explanation or file."""
    off = replace(view, comparison=OFF)
    board = cached.kpis(cached.open_view(off)).value
    assert board.previous_satisfaction is None
    assert {kpi.previous for kpi in board.kpis.values()} == {None}
    asked = [query for each in board.queries.values() for query in each]
    asked += cached.visitor_breakdown(cached.open_view(off), VisitorFilters()).queries
    assert {query.name for query in asked} == {*KPI_READS, "visitor_breakdown", "still_waiting"}
    for query in asked:
        if query.name == "still_waiting":  # It is about now.
            assert not [name for name in query.params if name.startswith("prev")]
        else:
            assert query.params["prev_date_from"] == query.params["prev_date_to"]
    assert [traffic.of(name) for name in KPI_READS] == [1, 1, 1]


def test_a_last_good_value_carries_the_questions_that_it_answered(traffic: Traffic, view: View) -> None:
    """Not those of now, whose period has moved on and which were never answered."""
    before = (
        cached.kpis(cached.open_view(view)).value.queries,
        cached.visitor_breakdown(cached.open_view(view), VisitorFilters()).queries,
    )
    traffic.is_tinybird_down = traffic.is_postgres_down = True
    later = replace(view, now=view.now + timedelta(minutes=5))
    board, breakdown = (
        cached.kpis(cached.open_view(later)),
        cached.visitor_breakdown(cached.open_view(later), VisitorFilters()),
    )
    assert board.is_stale
    assert breakdown.is_stale
    assert (board.value.queries, breakdown.queries) == before
    for query in (*before[0]["unique_visitors"], *before[1]):
        assert (query.name, dict(query.params)) in traffic.requests


def changes(view: View, product: Product) -> dict[str, View]:
    """Views that differ from this one in a single thing."""
    other = product.add_website(f"other-{product.key}")
    return {
        "website": replace(view, website_id=other),
        "range": replace(view, range=Range(days=10)),
        "timezone": replace(view, timezone="America/Santiago"),
        "now": replace(view, now=view.now - timedelta(minutes=5)),
    }


@pytest.mark.parametrize("change", ["website", "range", "timezone", "now"])
def test_another_period_or_website_is_another_read_of_every_kpi(
    traffic: Traffic, product: Product, view: View, change: str
) -> None:
    """Change one thing and every source is asked again: two periods never share an entry."""
    changed = changes(view, product)[change]
    cached.kpis(cached.open_view(view))
    cached.kpis(cached.open_view(changed))
    assert [traffic.of(name) for name in KPI_READS] == [2, 2, 2]
    cached.kpis(cached.open_view(view))
    cached.kpis(cached.open_view(changed))
    assert [traffic.of(name) for name in KPI_READS] == [2, 2, 2]


@pytest.mark.parametrize("change", ["website", "range", "timezone", "now"])
def test_another_period_or_website_is_another_read_of_the_series(
    traffic: Traffic, product: Product, view: View, change: str
) -> None:
    """The same for the time series; its scores are those that the cards already read."""
    changed = changes(view, product)[change]
    cached.kpis(cached.open_view(view))
    cached.kpi_timeseries(cached.open_view(view))
    cached.kpi_timeseries(cached.open_view(view))
    assert traffic.of("kpi_timeseries") == traffic.of("rating_and_sentiment") == 1
    cached.kpi_timeseries(cached.open_view(changed))
    cached.kpi_timeseries(cached.open_view(changed))
    assert traffic.of("kpi_timeseries") == traffic.of("rating_and_sentiment") == 2


def test_timezones_with_the_same_midnights_share_what_is_read(traffic: Traffic, view: View) -> None:
    """Pipes get instants and no zone's name, so that both have the same numbers, each on its own clock."""
    zones = ("Asia/Kolkata", "Asia/Colombo")
    frames = []
    for timezone in zones:
        cached.kpis(cached.open_view(replace(view, timezone=timezone)))
        frames.append(cached.kpi_timeseries(cached.open_view(replace(view, timezone=timezone))).value)
    assert (traffic.of("inbox_analytics"), traffic.of("kpi_timeseries")) == (1, 1)
    assert [str(frame["bucket_start"].dt.tz) for frame in frames] == list(zones)


def test_a_value_is_computed_once_for_all_panels_and_viewers(view: View) -> None:
    """Until another answer comes, or the view is another; a frame may be changed by who got it."""
    first = cached.visitor_breakdown(cached.open_view(view), VisitorFilters()).value
    moment_later = replace(view, now=view.now + timedelta(microseconds=1))
    assert cached.visitor_breakdown(cached.open_view(moment_later), VisitorFilters()).value is first
    elsewhere = replace(view, timezone="Europe/Lisbon")
    assert cached.visitor_breakdown(cached.open_view(elsewhere), VisitorFilters()).value is not first
    reads.expire()
    assert cached.visitor_breakdown(cached.open_view(view), VisitorFilters()).value is not first

    series = cached.kpi_timeseries(cached.open_view(view)).value
    assert len(series)
    series["started"] = -1
    assert (cached.kpi_timeseries(cached.open_view(view)).value["started"] >= 0).all()


def test_the_current_and_the_period_before_are_not_the_same_numbers(
    product: Product, view: View, send_events: Callable[..., object]
) -> None:
    """What the predecessor got wrong: two events in this period, one in the one before."""
    start = cached.open_view(view).resolved.period.start
    for number, at in enumerate((start, start + timedelta(hours=1), start - timedelta(days=2))):
        event = {
            "timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
            "website_id": product.website_id,
            "visitor_id": "v1",
            "event_type": "conversation_started",
            "conversation_id": f"c{number}",
            "duration_seconds": 0,
        }
        send_events("conversation_metrics", [event])
    board = cached.kpis(cached.open_view(view)).value
    assert board.funnel is not None
    assert board.funnel.started == 2
    series = cached.kpi_timeseries(cached.open_view(view)).value
    assert series.groupby("period")["started"].sum().to_dict() == {"current": 2, "previous": 1}


LIVE: dict[str, Callable[[OpenedView, datetime], object]] = {
    "active_visitors": lambda view, now: cached.active_visitors(view, 10, now),
    "visitor_locations": lambda view, now: cached.visitor_locations(view, 10, now),
    "visitor_activity": cached.visitor_activity,
    "data_freshness": cached.newest_event,
}


@pytest.mark.parametrize("name", LIVE)
def test_live_reads_are_shared_by_viewers_and_not_by_websites(
    traffic: Traffic, product: Product, view: View, now: datetime, name: str
) -> None:
    """Ten open tabs cost what one does; another website costs another read."""
    read = LIVE[name]
    other = product.add_website(f"other-{product.key}")
    for _ in range(3):
        read(cached.open_view(view), now)
    read(cached.open_view(replace(view, viewer=other_viewer(product, now))), now)
    assert traffic.of(name) == 1
    read(cached.open_view(replace(view, website_id=other)), now)
    assert traffic.of(name) == 2


@pytest.mark.parametrize("name", [name for name in LIVE if name != "data_freshness"])
def test_a_live_read_is_as_old_as_the_refresh_at_most(
    traffic: Traffic, view: View, now: datetime, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run of the 15-second timer reads anew; runs in between share."""
    opened, second = cached.open_view(view), 0
    monkeypatch.setattr(reads, "_monotonic", lambda: float(second))
    for second in range(0, 60, 15):
        LIVE[name](opened, now + timedelta(seconds=second))
    assert traffic.of(name) == 4
    LIVE[name](opened, now + timedelta(seconds=45))
    assert traffic.of(name) == 4


@pytest.mark.parametrize("name", ["active_visitors", "visitor_locations"])
def test_another_window_is_another_read(traffic: Traffic, view: View, now: datetime, name: str) -> None:
    """5, 10 and 30 minutes are three lists."""
    for minutes in (5, 10, 30, 5, 10, 30):
        getattr(cached, name)(cached.open_view(view), minutes, now)
    assert traffic.of(name) == 3


def test_right_now_costs_nothing_beside_the_globe(traffic: Traffic, view: View, now: datetime) -> None:
    """Count, clusters and places are one read."""
    opened = cached.open_view(view)
    cached.visitor_locations(opened, 5, now)
    cached.visitor_clusters(opened, 5, now)
    assert cached.right_now(opened, now).value.visitors == 0
    assert traffic.of("visitor_locations") == 1


def test_another_place_is_another_list(traffic: Traffic, view: View, now: datetime) -> None:
    """The place is part of the key: visitors of another cell are never returned."""
    for place in (None, Cell(2.5, 55, 30), Cell(2.5, 55, 31), None, Cell(2.5, 55, 30)):
        cached.active_visitors(cached.open_view(view), 5, now, place)
    assert traffic.of("active_visitors") == 3


def everything(view: OpenedView, now: datetime) -> Iterator[Callable[[], object]]:
    """Every function that shows something of a website."""
    yield lambda: cached.open_view(view.asked)
    yield lambda: cached.kpis(view)
    yield lambda: cached.kpi_timeseries(view)
    yield lambda: cached.conversation_breakdown(view, Selection())
    yield lambda: cached.conversation_list(view, Selection(), 1)
    yield lambda: cached.resolution_outcomes(view)
    yield lambda: cached.side_by_side(view)
    yield lambda: cached.likeness_of_sides(view)
    yield lambda: cached.active_visitors(view, 10, now)
    yield lambda: cached.visitor_locations(view, 10, now)
    yield lambda: cached.visitor_clusters(view, 10, now)
    yield lambda: cached.visitor_activity(view, now)
    yield lambda: cached.right_now(view, now)
    yield lambda: cached.newest_event(view, now)


def forged(asked: View, opened: OpenedView) -> OpenedView:
    """Another view, as if it had passed `open_view`: no module can make this."""
    return OpenedView(asked, opened.resolved, cached_view._KEY)


def test_only_the_cached_layer_opens_a_view(view: View) -> None:
    """Neither made nor changed anywhere else."""
    opened = cached.open_view(view)
    with pytest.raises(TypeError, match="open_view"):
        OpenedView(view, opened.resolved, object())
    with pytest.raises(TypeError, match="open_view"):
        replace(opened, asked=view, key=None)


def test_a_stranger_gets_nothing_even_when_it_is_cached(
    traffic: Traffic, product: Product, view: View, now: datetime
) -> None:
    """Access is checked before the cache: what a member has just read is not a stranger's."""
    product.add_user(f"x.{product.key}@example.com", is_member=False)
    stranger = cached.viewer_for(Identity(f"x.{product.key}@example.com", None), now)
    opened = cached.open_view(view)
    for ask in everything(opened, now):
        ask()
    before = Counter(traffic.asked)
    for ask in everything(forged(replace(view, viewer=stranger), opened), now):
        with pytest.raises(AccessDenied):
            ask()
    asked = traffic.asked - before
    assert set(asked) <= {"user_by_email", "websites_for_viewer"}


@pytest.mark.parametrize(
    "website_id", ["", "no-such-website", "'; DROP TABLE website; --", "w\0", "x" * 10_000]
)
def test_an_unknown_website_is_denied_without_a_query(
    traffic: Traffic, view: View, now: datetime, website_id: str
) -> None:
    """A tampered URL reaches neither source, and the answer is the same as for a foreign website."""
    messages = set()
    for ask in everything(forged(replace(view, website_id=website_id), cached.open_view(view)), now):
        with pytest.raises(AccessDenied) as caught:
            ask()
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert set(traffic.asked) <= {"user_by_email", "websites_for_viewer"}


def test_a_forged_staff_flag_opens_nothing(product: Product, now: datetime, traffic: Traffic) -> None:
    """Who is staff is read from the database, not from the viewer object."""
    del traffic
    user_id = product.add_user(f"x.{product.key}@example.com", is_member=False)
    forged = Viewer(user_id, "x", True, Identity(f"x.{product.key}@example.com", None))
    assert cached.websites(forged, now) == ()
    with pytest.raises(AccessDenied):
        cached.query_use(forged, now)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param('UPDATE "user" SET banned = true WHERE id = %s', id="banned"),
        pytest.param(
            "UPDATE \"user\" SET banned = true, ban_expires = now() + interval '1 hour' WHERE id = %s",
            id="banned for an hour",
        ),
        pytest.param('UPDATE "user" SET email_verified = false WHERE id = %s', id="not verified any more"),
        pytest.param("UPDATE \"user\" SET email = 'gone.' || email WHERE id = %s", id="another address"),
        pytest.param("DELETE FROM member WHERE user_id = %s", id="no member any more"),
    ],
)
def test_what_is_taken_away_is_noticed_by_the_next_read(
    traffic: Traffic, product: Product, view: View, now: datetime, change: str
) -> None:
    """Every function asks again, not only the page when it begins: a page may stay open for hours."""
    del traffic
    opened = cached.open_view(view)
    for ask in everything(opened, now):
        ask()
    product.connection.execute(change, (view.viewer.user_id,))
    reads.expire()
    for ask in everything(opened, now):
        with pytest.raises(AccessDenied):
            ask()


def test_a_page_is_another_one_when_any_of_its_websites_goes(
    traffic: Traffic, product: Product, viewer: Viewer, now: datetime
) -> None:
    """Also one that is not looked at: its name and address stand in the sidebar. So does a role that comes or goes."""
    del traffic
    other = product.add_website(f"other-{product.key}")
    drawn = cached.websites(viewer, now)
    assert {each.id for each in drawn} == {product.website_id, other}
    assert not cached.has_changed(viewer, drawn, now)
    for column, value in (("deleted_at", now), ("name", "Another"), ("deleted_at", None)):
        product.update("website", other, **{column: value})
        reads.expire()
        assert cached.has_changed(viewer, drawn, now)
    drawn = cached.websites(viewer, now)
    product.update("user", viewer.user_id, role="admin")
    reads.expire()
    assert cached.has_changed(viewer, drawn, now)
    product.update("user", viewer.user_id, role=None, banned=True)
    reads.expire()
    assert cached.has_changed(viewer, drawn, now)


def test_an_account_that_takes_over_an_address_gets_no_session_of_the_one_before(
    traffic: Traffic, product: Product, viewer: Viewer, now: datetime
) -> None:
    """The page was drawn for another person."""
    del traffic
    product.connection.execute("UPDATE \"user\" SET email = 'old.' || email WHERE id = %s", (viewer.user_id,))
    product.add_user(viewer.email)
    reads.expire()
    with pytest.raises(AccessDenied, match="another account"):
        cached.websites(viewer, now)


def test_signing_out_ends_the_sign_in_in_every_tab(traffic: Traffic, product: Product, now: datetime) -> None:
    """For every copy of its cookie; another sign-in of the same person stays valid."""
    del traffic
    product.add_user(f"ann.{product.key}@example.com")
    first = Identity(f"ann.{product.key}@example.com", now)
    second = replace(first, signed_in_at=now + timedelta(seconds=1))
    viewer = cached.viewer_for(first, now)
    cached.end_sign_in(first, now)
    with pytest.raises(NotSignedIn, match="signed out"):
        cached.admitted(viewer, now)
    assert cached.viewer_for(second, now).user_id == viewer.user_id
    cached.end_sign_in(second, now + timedelta(days=40))
    with pytest.raises(NotSignedIn, match="too long ago"):
        cached.viewer_for(first, now + timedelta(days=40))


def test_a_sign_in_ends_for_open_pages_too(
    traffic: Traffic, product: Product, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve hours, or what the deployment says."""
    del traffic
    product.add_user(f"ann.{product.key}@example.com")
    viewer = cached.viewer_for(Identity(f"ann.{product.key}@example.com", now), now)
    for hours in (0, 12):
        cached.websites(viewer, now + timedelta(hours=hours))
    with pytest.raises(NotSignedIn):
        cached.websites(viewer, now + timedelta(hours=12, seconds=1))
    monkeypatch.setenv("INBOX_ANALYTICS_SIGN_IN_HOURS", "0.5")
    with pytest.raises(NotSignedIn):
        cached.websites(viewer, now + timedelta(minutes=31))


@pytest.mark.parametrize("stored", ["lu\u212aas.{}@example.com", "LUKAS.{}@EXAMPLE.COM"])
def test_only_ascii_letters_are_compared_without_their_case(
    traffic: Traffic, product: Product, now: datetime, stored: str
) -> None:
    """An account with another letter in its address is not this one, whatever the database folds."""
    del traffic
    product.add_user(stored.format(product.key))
    identity = Identity(f"lukas.{product.key}@example.com", now)
    if stored.isascii():
        assert cached.viewer_for(identity, now).email == identity.email
    else:
        with pytest.raises(AccessDenied, match="no account"):
            cached.viewer_for(identity, now)


@pytest.mark.parametrize(("plan", "days"), [("pro", 90), ("free", 21)])
def test_the_tier_is_enforced_whatever_is_asked_for(
    traffic: Traffic, product: Product, now: datetime, plan: str, days: int
) -> None:
    """No request of any range starts before the tier's limit, the period before included; visitors end at 30 days."""
    product.add_subscription(plan, "active")
    product.add_user(f"ann.{product.key}@example.com")
    viewer = cached.viewer_for(Identity(f"ann.{product.key}@example.com", None), now)
    ranges = ["today", "7d", "10d", "11d", "21d", "22d", "30d", "45d", "46d", "90d", "365d"]
    ranges += [f"{now - timedelta(days=200):%Y-%m-%d}..{now:%Y-%m-%d}", "2020-01-01..2020-01-31"]
    for text in ranges:
        view = View(viewer, product.website_id, Range.parse(text), "Pacific/Kiritimati", now)
        cached.kpis(cached.open_view(view))
        cached.kpi_timeseries(cached.open_view(view))
    limits = dict.fromkeys(("inbox_analytics", "kpi_timeseries"), now - timedelta(days=days))
    limits["unique_visitors"] = now - timedelta(days=min(days, 30))
    for name, params in traffic.requests:
        for bound in ("date_from", "prev_date_from"):
            assert datetime.fromisoformat(params[bound]).replace(tzinfo=UTC) >= limits[name]
    # Ranges that the limit cuts to the same instants share a request; how many do depends on the time of day.
    assert traffic.of(*limits) == len(traffic.requests) > 12


def test_visitor_requests_end_at_the_ttl(traffic: Traffic, view: View, now: datetime) -> None:
    """90 days on paid: conversations reach back 90 days, visitors are asked for 30."""
    cached.kpis(cached.open_view(replace(view, range=Range(days=90))))
    starts = sorted(
        datetime.fromisoformat(params["date_from"]).replace(tzinfo=UTC) for _, params in traffic.requests
    )
    conversations, visitors = ((now - start) / timedelta(days=1) for start in starts)
    # From local midnight 89 days ago; how long ago that is depends on the time of day.
    assert 88.9 < conversations <= 90
    assert 29.9 < visitors <= 30


def test_a_closed_range_out_of_visitor_reach_asks_for_no_visitors(
    traffic: Traffic, view: View, now: datetime
) -> None:
    """Forty days ago: the card says why, and no query is spent."""
    day = f"{now - timedelta(days=40):%Y-%m-%d}"
    kpi = cached.kpis(cached.open_view(replace(view, range=Range.parse(f"{day}..{day}")))).value.kpis[
        "unique_visitors"
    ]
    assert kpi.value is None
    assert kpi.missing_reason == "Visitor data reaches back 30 days."
    assert traffic.of("unique_visitors") == 0


def test_a_failure_is_not_cached(traffic: Traffic, view: View) -> None:
    """A run after the pause asks again and gets its numbers."""
    cached.open_view(view)
    traffic.is_tinybird_down = True
    with pytest.raises(SourceUnavailable):
        cached.kpis(cached.open_view(view))
    with pytest.raises(SourceUnavailable):
        cached.kpi_timeseries(cached.open_view(view))
    traffic.is_tinybird_down = False
    reads.expire()
    assert cached.kpis(cached.open_view(view)).value.errors == {}
    assert not cached.kpi_timeseries(cached.open_view(view)).is_stale


def test_the_last_good_numbers_are_served_stale_while_tinybird_is_down(traffic: Traffic, view: View) -> None:
    """Half an hour later, Tinybird gone: the same days' last numbers, marked, with their age and the reason."""
    noon = replace(view, now=view.now.replace(hour=12))
    fresh = cached.kpis(cached.open_view(noon))
    series = cached.kpi_timeseries(cached.open_view(noon))
    last_read = datetime.now(UTC)
    traffic.is_tinybird_down = True
    later = replace(noon, now=noon.now + timedelta(minutes=30))
    stale = cached.kpis(cached.open_view(later))
    assert stale.is_stale
    assert isinstance(stale.stale_reason, SourceUnavailable)
    assert fresh.as_of <= stale.as_of <= last_read
    assert stale.value.kpis.keys() == fresh.value.kpis.keys()
    stale_series = cached.kpi_timeseries(cached.open_view(later))
    assert stale_series.is_stale
    moving = ["bucket_end", "is_complete"]
    pd.testing.assert_frame_equal(
        stale_series.value.drop(columns=moving), series.value.drop(columns=moving), check_exact=True
    )
    with pytest.raises(SourceUnavailable):
        cached.kpis(cached.open_view(replace(later, range=Range(days=14))))


@pytest.mark.parametrize("name", LIVE)
def test_live_data_is_served_stale_and_recovers(
    traffic: Traffic, product: Product, view: View, now: datetime, name: str
) -> None:
    """Stale while it lasts, fresh afterwards; another website has nothing to fall back on."""
    opened = cached.open_view(view)
    other = replace(view, website_id=product.add_website(f"other-{product.key}"))
    LIVE[name](opened, now)
    reads.expire()
    traffic.is_tinybird_down = True
    reading = LIVE[name](opened, now)
    assert getattr(reading, "is_stale") is True  # noqa: B009  # the readings differ in their value's type
    with pytest.raises(SourceUnavailable):
        LIVE[name](cached.open_view(other), now)
    traffic.is_tinybird_down = False
    reads.expire()
    reading = LIVE[name](opened, now)
    assert getattr(reading, "is_stale") is False  # noqa: B009


def test_without_postgres_only_satisfaction_fails(traffic: Traffic, view: View) -> None:
    """Access is known for a while, Tinybird answers, and one card says what is wrong."""
    cached.open_view(view)
    traffic.is_postgres_down = True
    reading = cached.kpis(cached.open_view(view))
    assert set(reading.value.errors) == {"satisfaction_index"}
    assert set(reading.value.kpis) == set(KPIS) - {"satisfaction_index"}
    series = cached.kpi_timeseries(cached.open_view(view))
    assert series.value["satisfaction_index"].isna().all()
    assert [failure.source for failure in series.failures] == ["postgres"]


def test_access_is_not_trusted_forever_without_postgres(
    traffic: Traffic, product: Product, viewer: Viewer, now: datetime
) -> None:
    """What was known about access is used for a quarter of an hour, then nothing opens."""
    email = f"ann.{product.key}@example.com"
    cached.websites(viewer, now)
    reads.expire()
    traffic.is_postgres_down = True
    soon, late = now + timedelta(minutes=14), now + timedelta(minutes=16)
    assert cached.viewer_for(Identity(email, None), soon) == viewer
    assert [website.id for website in cached.websites(viewer, soon)] == [product.website_id]
    with pytest.raises(SourceUnavailable):
        cached.viewer_for(Identity(email, None), late)
    with pytest.raises(SourceUnavailable):
        cached.websites(viewer, late)


def test_the_tier_follows_the_clock_and_not_the_cache(
    product: Product, traffic: Traffic, now: datetime
) -> None:
    """A canceled subscription that ends between two runs is free in the second, without a new read."""
    product.add_subscription("pro", "canceled", now + timedelta(seconds=10))
    product.add_user(f"ann.{product.key}@example.com")
    viewer = cached.viewer_for(Identity(f"ann.{product.key}@example.com", None), now)
    tiers = [cached.websites(viewer, now + timedelta(seconds=seconds))[0].tier for seconds in (0, 11)]
    assert tiers == ["paid", "free"]
    assert traffic.of("websites_for_viewer") == 1


def test_a_wrong_token_is_an_error_with_its_remedy(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card names the variable, not the token."""
    monkeypatch.setenv("TINYBIRD_READ_TOKEN", "p.wrong")
    cached.clear()
    with pytest.raises(SourceRejected) as caught:
        cached.kpis(cached.open_view(view))
    assert caught.value.status in {401, 403}
    assert "TINYBIRD_READ_TOKEN" in caught.value.remedy
    assert "p.wrong" not in str(caught.value)


def test_the_demo_viewer_needs_demo_mode(
    product: Product, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without sign-in and without demo mode no user of the database gets access."""
    del traffic
    now = datetime.now(UTC)
    email = f"demo.{product.key}@example.com"
    product.add_user(email, role="admin")
    monkeypatch.setenv("INBOX_ANALYTICS_DEMO_EMAIL", email)
    assert not cached.is_demo()
    with pytest.raises(NotSignedIn):
        cached.viewer_for(None, now)
    monkeypatch.setenv("INBOX_ANALYTICS_DEMO", "1")
    assert cached.is_demo()
    demo = cached.viewer_for(None, now)
    assert (demo.email, demo.is_staff) == (email, True)
    streamlit.config.set_option("server.address", "0.0.0.0")  # noqa: S104 - where others could reach it
    try:
        with pytest.raises(ConfigError, match="this machine only"):
            cached.viewer_for(None, now)
    finally:
        streamlit.config.set_option("server.address", "127.0.0.1")
    assert product.website_id in {website.id for website in cached.websites(demo, now)}


def test_a_missing_environment_is_a_configuration_error(now: datetime) -> None:
    """Each missing variable, and no traceback of something else."""
    with pytest.raises(ConfigError, match="TINYBIRD_HOST"):
        cached.viewer_for(Identity("ann@example.com", None), now)
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        cached.websites(Viewer("u1", "a", False, Identity("a@example.com", None)), now)
    with pytest.raises(ConfigError, match="TINYBIRD_READ_TOKEN"):
        cached.live_refresh_seconds(now)


def test_live_polling_slows_down_with_the_budget(
    traffic: Traffic, view: View, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred queries a day, asked every 5 s for an hour: never more than the steps allow, half stays."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", "100")
    cached.clear()
    noon = now.replace(hour=12)
    waits, opened, second = [], cached.open_view(view), 0
    monkeypatch.setattr(reads, "_monotonic", lambda: float(second))
    for second in range(0, 3600, 5):  # the clock
        waits.append(cached.live_refresh_seconds(noon))
        cached.visitor_activity(opened, noon + timedelta(seconds=second))
    assert list(dict.fromkeys(waits)) == [15.0, 30.0, 60.0, 300.0]
    assert 40 < traffic.of("visitor_activity") <= 50


NOON = datetime(2026, 11, 10, 12, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("queries", "timezone", "at", "due"),
    [
        ("unlimited", "UTC", "12:07:30", "12:10"),
        ("1000", "UTC", "12:07:30", "13:00"),
        ("200", "UTC", "13:00:00", "14:00"),
        ("5000", "UTC", "12:07:30", "12:15"),
        ("1000", "Asia/Kolkata", "18:10:00", "18:35"),
        ("1000", "Asia/Kolkata", "18:32:00", "18:35"),
    ],
)
def test_open_pages_read_again_together(
    view: View, monkeypatch: pytest.MonkeyPatch, queries: str, timezone: str, at: str, due: str
) -> None:
    """At the same times whenever they were opened, at least every hour, and when a local day has its first numbers."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", queries)
    cached.clear()
    now = datetime.fromisoformat(f"2026-11-10T{at}+00:00")
    opened = cached.open_view(replace(view, now=now, timezone=timezone))
    assert f"{cached.next_read(opened):%H:%M}" == due


@pytest.mark.parametrize(
    ("at", "until"),
    [("12:30", "12:05"), ("13:20", "13:00"), ("18:32", "18:30"), ("18:58", "18:55"), ("19:40", "19:00")],
)
def test_the_wall_has_the_numbers_of_its_day(
    view: View, monkeypatch: pytest.MonkeyPatch, at: str, until: str
) -> None:
    """Up to when pages read last, but for the first hour of a local day, which begins at 18:30 UTC here."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", "1000")
    cached.clear()
    opened = cached.open_view(replace(view, now=NOON, timezone="Asia/Kolkata"))
    period = cached.today(opened, datetime.fromisoformat(f"2026-11-10T{at}+00:00")).resolved.period
    assert f"{period.end:%H:%M}" == until
    assert period.local_days()[0] == date(2026, 11, 11 if at > "18:30" else 10)


@pytest.mark.parametrize(("queries", "minutes"), [("unlimited", 5), ("1000", 60), ("5000", 15)])
def test_nothing_is_asked_between_two_reads_of_an_open_page(
    traffic: Traffic, view: View, monkeypatch: pytest.MonkeyPatch, queries: str, minutes: int
) -> None:
    """Its answers are fresh for as long; what a viewer chooses later is of a later step, and read at once."""
    monkeypatch.setenv("TINYBIRD_DAILY_QUERIES", queries)
    cached.clear()
    clock = {"minute": 0.0}
    monkeypatch.setattr(reads, "_monotonic", lambda: clock["minute"] * 60)
    opened = cached.open_view(view)
    counts = []
    for at in (0, minutes, 2 * minutes):
        for clock["minute"] in (at + 0.1, at + 0.9 * minutes):
            cached.kpis(opened)
            cached.newest_event(opened, view.now)
        counts.append(traffic.of("inbox_analytics"))
    assert counts == [1, 2, 3]
    if queries != "unlimited":
        assert traffic.of("data_freshness") == 3
        cached.newest_event(cached.open_view(replace(view, now=view.now + timedelta(minutes=6))), view.now)
        assert traffic.of("data_freshness") == 4


def test_reads_run_side_by_side(view: View, traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five slow reads take as long as one."""
    del traffic
    cached.open_view(view)
    together = threading.Barrier(5, timeout=10)
    query, read = Tinybird.query_pipe, Postgres.read

    def waiting_query(self: Tinybird, name: str, params: dict[str, str]) -> object:
        together.wait()
        return query(self, name, params)

    def waiting_read(self: Postgres, name: str, statement: str, params: dict[str, str]) -> object:
        together.wait()
        return read(self, name, statement, params)

    monkeypatch.setattr(Tinybird, "query_pipe", waiting_query)
    monkeypatch.setattr(Postgres, "read", waiting_read)
    assert cached.kpis(cached.open_view(view)).value.errors == {}


def test_inside_a_running_app_nothing_warns(
    view: View, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Threads without a script context are no reason to log: pages stay quiet."""

    def script(view: "OpenedView") -> None:
        import streamlit as st

        from analytics import cached

        st.text(len(cached.kpis(view).value.kpis))
        st.text(len(cached.kpi_timeseries(view).value))

    app = AppTest.from_function(script, args=(cached.open_view(view),), default_timeout=30).run()
    assert not app.exception
    assert [element.value for element in app.text] == [str(len(KPIS)), "14"]
    # AppTest itself runs on the main thread without a context; the reads side by side must not mind theirs.
    warned = [record.getMessage() for record in caplog.records if "ScriptRunContext" in record.getMessage()]
    assert [message for message in warned if "'MainThread'" not in message] == []
    assert len(recwarn) == 0


def test_source_errors_reach_the_page_as_themselves(traffic: Traffic, view: View) -> None:
    """What a panel catches is an AnalyticsError with a source, not a wrapper of Streamlit's."""
    cached.open_view(view)
    traffic.is_tinybird_down = True
    with pytest.raises(SourceError) as caught:
        cached.kpis(cached.open_view(view))
    assert caught.value.source == "tinybird"
    assert caught.value.resource == "inbox_analytics"
