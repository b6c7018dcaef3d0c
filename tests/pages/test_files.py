"""Files as a click gets them: whole, named in full, and by the rights of that moment."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import get_args

import pandas as pd
import psycopg
import pytest

from analytics import cached, errors
from analytics.kpis.declarations import Kind
from analytics.kpis.verdicts import Unit, Verdict
from analytics.scope.access import Viewer, Website
from analytics.scope.comparison import BEFORE, OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.selection import EVERYTHING
from analytics.scope.views import View, resolve
from analytics.sources import VisitorFilters
from pages.components.exports import download, tables
from pages.components.metrics import changes, kpi_cards
from tests.conftest import LocalStack
from tests.pages.conftest import SendEvents, Site

UNUSED_VIEWER = Viewer("not looked at", "", True, Identity("", None))
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "bands": ("response", EVERYTHING),
    "percentiles_over_time": ("response", EVERYTHING),
    "handled": (EVERYTHING,),
    "hours": (EVERYTHING,),
    "conversation_list": (EVERYTHING, "newest"),
    "waiting_list": ("answer",),
    "visitor_series": (VisitorFilters(),),
    "visitor_values": ("city", VisitorFilters()),
    "answers_over_time": ("ratings",),
    "comment_list": (None,),
    "live_visitors": (30, None),
}


def view_of(site: Site, *, days: int = 7, is_compared: bool = True, timezone: str = "Europe/Berlin") -> View:
    """What a page looks at."""
    return View(
        UNUSED_VIEWER, site.id, Range(days=days), timezone, datetime.now(UTC), BEFORE if is_compared else OFF
    )


def request(view: View, name: str, **only: str) -> str:
    """What a click asks for."""
    return download.request(view, tables.FILES[name], ARGUMENTS.get(name, ()), only)


def read(asked: str) -> pd.DataFrame:
    """The answer, as a program reads it: without options."""
    return pd.read_csv(io.BytesIO(b"".join(download.answer(asked).lines)), keep_default_na=False)


@pytest.mark.parametrize(
    ("timezone", "now", "start"),
    [
        pytest.param("Europe/Berlin", "2026-11-26T09:00", "2026-11-25T23:00", id="ordinary"),
        pytest.param("America/Havana", "2026-11-01T05:30", "2026-11-01T04:00", id="midnight comes twice"),
        pytest.param("America/Santiago", "2026-09-06T12:00", "2026-09-06T04:00", id="no midnight"),
    ],
)
def test_a_day_of_a_file_starts_where_the_day_does(timezone: str, now: str, start: str) -> None:
    """At its first instant, as the days that the rows count do."""
    at, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, start))
    view = View(UNUSED_VIEWER, "w", Range(days=1), timezone, at, comparison=OFF)
    resolved = resolve(view, Website("w", "Acme", "w", "acme.example", "o", "Acme", "paid"))
    assert tables._last_days(resolved, 1) == (expected, at)


@pytest.fixture
def busy(make_site: Callable[..., Site], send_events: SendEvents) -> Site:
    """Two weeks: 40 conversations and 320 cities in each, all of it before today."""
    site, now = make_site(name="\u05d7\u05e0\u05d5\u05ea;=1", plan="pro"), datetime.now(UTC)
    conversations, visits = [], []
    for week in (2, 9):
        for number in range(40):
            at = (now - timedelta(days=week, minutes=number)).strftime("%Y-%m-%d %H:%M:%S")
            for kind, seconds in (("conversation_started", 0), ("first_response", 60 + number)):
                conversations.append(
                    {
                        "timestamp": at,
                        "website_id": site.id,
                        "visitor_id": "v",
                        "event_type": kind,
                        "conversation_id": f"c{week}-{number}",
                        "duration_seconds": seconds,
                    }
                )
        for number in range(320):
            visits.append(
                {
                    "timestamp": (now - timedelta(days=week, minutes=number)).strftime("%Y-%m-%d %H:%M:%S"),
                    "website_id": site.id,
                    "visitor_id": f"v{week}-{number}",
                    "session_id": "s",
                    "event_type": "seen",
                    "country_code": "NA",
                    "city": f"City {number}",
                    "latitude": -22.5,
                    "longitude": 17.0,
                }
            )
    assert send_events("conversation_metrics", conversations)["quarantined_rows"] == 0
    assert send_events("visitor_events", visits)["quarantined_rows"] == 0
    return site


@pytest.mark.parametrize("name", tables.FILES)
def test_every_file_says_what_it_is_about_and_keeps_silent_about_what_is_not_compared(
    busy: Site, name: str
) -> None:
    """Website, both edges of the period with their timezone; with comparison off, nothing of the period before."""
    frame = read(request(view_of(busy, is_compared=False), name, city="Oslo"))
    assert {"website", "period_start (Europe/Berlin)", "period_end (Europe/Berlin)", "only"} <= set(
        frame.columns
    )
    assert not [column for column in frame.columns if "previous" in column or "change" in column]
    if "verdict" in frame.columns:
        assert set(frame["verdict"]) <= {""}
    assert not (frame.map(str) == tables.PERIODS["previous"]).any(axis=None)
    assert set(frame["website"]) <= {"\u05d7\u05e0\u05d5\u05ea;'=1"}
    assert set(frame["only"]) <= {"City: Oslo"}


@pytest.mark.parametrize(
    "name", ["kpis", "kpi_series", "percentiles_over_time", "visitor_values", "visitor_series"]
)
def test_a_file_that_compares_names_both_periods(busy: Site, name: str) -> None:
    """The days before are as many, and end where this period begins."""
    row = read(request(view_of(busy), name)).iloc[0]
    edges = [
        datetime.fromisoformat(row[f"{edge} (Europe/Berlin)"])
        for edge in ("previous_period_start", "previous_period_end", "period_start", "period_end")
    ]
    assert edges == sorted(edges)
    assert edges[2] - edges[0] == timedelta(days=7)
    assert (edges[0].hour, edges[2].hour) == (0, 0)


@pytest.mark.parametrize(
    ("name", "count"),
    [pytest.param("conversation_list", 40, id="list"), pytest.param("visitor_values", 320, id="cities")],
)
def test_a_list_is_whole_however_much_of_it_the_page_shows(busy: Site, name: str, count: int) -> None:
    """The page lists 25 conversations, and reads 300 cities."""
    frame = read(request(view_of(busy), name))
    assert len(frame) == frame.iloc[:, 0].nunique() == count


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are read seven rows at a time, and a file holds 15."""
    monkeypatch.setattr("analytics.cached.conversations.PAGE_ROWS", 7)
    monkeypatch.setattr("analytics.cached.whole.PAGE_ROWS", 7)
    for module in ("analytics.cached.whole", "pages.components.exports.tables"):
        monkeypatch.setattr(f"{module}.ROW_LIMIT", 15)


@pytest.mark.usefixtures("small_pages")
def test_a_list_past_the_limit_is_its_first_rows_in_order_and_says_so(busy: Site) -> None:
    """Three reads, put together: the newest 15 of 40, each once."""
    frame = read(request(view_of(busy), "conversation_list"))
    assert list(frame["conversation_id"]) == [f"c2-{number}" for number in range(15)]
    assert set(frame["note"]) == {"Only the first 15 of 40 rows: narrow the page down for the others."}
    found = download.answer(request(view_of(busy), "conversation_list"))
    assert (found.rows, found.is_cut) == (15, True)


def test_every_verdict_and_change_has_its_words() -> None:
    """A new one would end its file with an error."""
    assert set(changes.VERDICTS) == set(get_args(Verdict))
    assert set(kpi_cards.CHANGE_UNITS) == set(get_args(Unit))
    assert {*kpi_cards.COLUMN_UNITS, "count"} == set(get_args(Kind))


def test_a_country_has_its_name_beside_its_code(busy: Site) -> None:
    """Programs take the code of Namibia for no value."""
    asked = download.request(view_of(busy), tables.visitor_values, ("country_code", VisitorFilters()), {})
    frame = pd.read_csv(io.BytesIO(b"".join(download.answer(asked).lines)))
    assert list(frame["country"]) == ["Namibia"]


def test_codes_are_words(busy: Site) -> None:
    """As on the page."""
    assert list(read(request(view_of(busy), "bands"))["band"])[:2] == ["up to 5 m", "5 m to 15 m"]
    assert list(read(request(view_of(busy), "handled"))["handled_by"]) == ["AI agent", "People"]
    assert list(read(request(view_of(busy), "hours"))["weekday"])[::24][:2] == ["Monday", "Tuesday"]
    assert set(read(request(view_of(busy), "kpi_series"))["period"]) == {"This period", "Period before"}


@pytest.mark.parametrize("name", ["queries", "caches", "quarantined"])
def test_what_is_about_all_websites_is_whole_and_says_so(
    busy: Site, send_events: SendEvents, name: str
) -> None:
    """The page that it was taken from names one website, and lists 50 reasons."""
    bad = [{"timestamp": f"day {number}", "website_id": "x"} for number in range(60)]
    assert send_events("visitor_events", bad)["quarantined_rows"] == 60
    cached.clear()
    read(request(view_of(busy), "kpis"))
    frame = read(request(view_of(busy), name))
    assert set(frame["note"]) == {"The rows are about all websites."}
    if name == "quarantined":
        assert all(frame["reason"].str.contains(f"'day {number}'").any() for number in range(60))


def test_a_count_of_part_of_the_period_says_since_when(busy: Site) -> None:
    """45 days are asked for, and visitor data reaches back 30: in the row of the count, and beside the series."""
    view = view_of(busy, days=45)
    row = read(request(view, "kpis")).set_index("kpi").loc["Unique visitors"]
    since = datetime.fromisoformat(str(row["counted_since"]))
    assert timedelta(days=29, hours=23) < view.now - since <= timedelta(days=30)
    for name in ("kpis", "kpi_series", "visitor_series", "visitor_values"):
        assert "reaches back 30 days. Counted from" in read(request(view, name))["note"].iloc[0]


@pytest.mark.parametrize("name", tables.FILES)
def test_a_viewer_who_was_banned_meanwhile_gets_a_sentence(
    busy: Site, name: str, staff: str, stack_environment: LocalStack
) -> None:
    """The page was drawn before; the request holds no right."""
    asked = request(view_of(busy), name)
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET banned = true WHERE id = %s', (staff,))
    cached.clear()
    with pytest.raises(errors.AccessDenied, match="suspended"):
        download.answer(asked)


@pytest.mark.parametrize("name", ["events_by_type", "queries", "caches", "quarantined", "conversation_list"])
def test_a_viewer_who_is_no_staff_any_more_gets_a_sentence(
    busy: Site, name: str, staff: str, stack_environment: LocalStack
) -> None:
    """Not theirs: the website, and the health of the platform."""
    asked = request(view_of(busy), name)
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET role = NULL WHERE id = %s', (staff,))
    cached.clear()
    with pytest.raises(errors.AccessDenied):
        download.answer(asked)


@pytest.mark.parametrize("days_ago", [60, -60])
def test_an_old_request_reaches_no_further_back_than_a_new_one(busy: Site, days_ago: int) -> None:
    """The page's clock counts only while the page is young, so a request cannot choose its own limit."""
    asked = json.loads(request(view_of(busy), "kpis"))
    asked["drawn_at"] = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    end = read(json.dumps(asked))["period_end (Europe/Berlin)"].iloc[0]
    assert datetime.fromisoformat(end).date() in {
        (datetime.now(UTC) + timedelta(days=day)).date() for day in (0, 1)
    }


@pytest.mark.parametrize(
    "change",
    [
        {"file": "no_such_file"},
        {"file": "__class__"},
        {"arguments": ["sideways", {}]},
        {"arguments": []},
        {"arguments": ["response", {"more": 1}]},
        {"file": "answers_over_time", "arguments": ["no such question"]},
        {"file": "comment_list", "arguments": [10**40]},
        {"file": "live_visitors", "arguments": [43_200, None]},
        {"range": "yesterday or so"},
        {"drawn_at": "now"},
        {"more": 1},
    ],
)
def test_a_request_for_what_there_is_not_is_refused(busy: Site, change: dict[str, object]) -> None:
    """Text from a browser: checked before anything is read."""
    with pytest.raises(ValueError, match=r"."):
        download.answer(json.dumps(json.loads(request(view_of(busy), "bands")) | change))
