"""Files as a click gets them: whole, named in full, and by the rights of that moment."""

import csv
import gc
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import uuid4

import openpyxl
import pandas as pd
import psycopg
import pytest
from openpyxl.workbook import Workbook

from analytics import cached, errors
from analytics.kpis.all_websites.order import WebsiteFilter
from analytics.kpis.declarations import Kind
from analytics.kpis.goals.definitions import Goal
from analytics.kpis.verdicts import Unit, Verdict
from analytics.kpis.visitor_breakdown import DIMENSIONS
from analytics.scope import clock, periods
from analytics.scope.access import Viewer, Website
from analytics.scope.comparison import BEFORE, OFF
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from analytics.scope.selection import EVERYTHING
from analytics.scope.views import View, resolve
from analytics.sources import VisitorFilters
from analytics.store.store import Store
from pages.components.exports import download, table, tables, titles
from pages.components.exports.workbook import ABOUT, NAME_LIMIT
from pages.components.metrics import changes, kpi_file
from tests.conftest import LocalStack
from tests.pages.conftest import SendEvents, Site
from tests.pages.test_workbook import as_in_csv

UNUSED_VIEWER = Viewer("not looked at", "", True, Identity("", None))
ALL = "All websites"

ARGUMENTS: dict[str, tuple[object, ...]] = {
    "all_websites": (WebsiteFilter(), "worst"),
    "bands": ("response", EVERYTHING),
    "percentiles_over_time": ("response", EVERYTHING),
    "escalated": (EVERYTHING,),
    "visitor_totals": (VisitorFilters(),),
    "handled": (EVERYTHING,),
    "hours": (EVERYTHING,),
    "conversation_list": (EVERYTHING, "newest"),
    "ai_and_people": ("cohort",),
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
    assert table.last_days(resolved, 1) == (expected, at)


@pytest.fixture
def busy(
    make_site: Callable[..., Site],
    send_events: SendEvents,
    with_store: LocalStack,
) -> Site:
    """Two weeks: 40 conversations and 320 cities in each, all of it before today; and a goal."""
    site, now = make_site(name="\u05d7\u05e0\u05d5\u05ea;=1", plan="pro"), datetime.now(UTC)
    with Store(with_store.store_url) as store:
        store.add_goal(site.id, "response", 1, Goal(90.0, 300), "ann@example.com", is_from_start=True)
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
    assert not (frame.map(str) == table.PERIODS["previous"]).any(axis=None)
    assert set(frame["website"]) <= {ALL if name == "all_websites" else "\u05d7\u05e0\u05d5\u05ea;'=1"}
    assert set(frame["only"]) <= {"City: Oslo"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, ARGUMENTS.get(name, ())) for name in tables.FILES),
        *(("ai_and_people", (part,)) for part in ("sides", "time_saved", "likeness")),
    ],
)
def test_the_columns_of_a_file_do_not_depend_on_its_rows(
    busy: Site, make_site: Callable[..., Site], name: str, arguments: tuple[object, ...]
) -> None:
    """A website without any data has those of a busy one: files can be put together, and read by the same program."""
    asked = [
        download.request(view_of(site), tables.FILES[name], arguments, {})
        for site in (busy, make_site(plan="pro"))
    ]
    columns, of_nothing = ([each for each in read(each).columns if each != "note"] for each in asked)
    assert of_nothing == columns


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
    for module in ("analytics.cached.whole", "pages.components.exports.table"):
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
    assert set(kpi_file.CHANGE_UNITS) == set(get_args(Unit))
    assert {*kpi_file.COLUMN_UNITS, "count"} == set(get_args(Kind))


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


def workbook_of(*requests: str, is_page: bool = False, without: Sequence[str] = ()) -> str:
    """What a click on Excel asks for, or one on Export page."""
    asked = {"workbook": [json.loads(each) for each in requests], "is_page": is_page, "without": without}
    return json.dumps(asked)


def opened(asked: str) -> Workbook:
    """The answer, as another program reads it."""
    file = download.answer(asked)
    assert file.media_type == download.XLSX
    return openpyxl.load_workbook(io.BytesIO(b"".join(file.lines)))


def facts_of(book: Workbook) -> dict[object, object]:
    """The lines at the top of the sheet About."""
    lines = [[cell.value for cell in line[:2]] for line in book[ABOUT]]
    return dict(lines[: lines.index([None, None])])


# Counts of this process, which reading changes: a second file has other numbers.
@pytest.mark.parametrize("name", sorted(set(tables.FILES) - {"caches", "queries"}))
def test_a_workbook_has_the_cells_of_the_csv(busy: Site, name: str) -> None:
    """Name by name and row by row, as another program reads both; what every row of the CSV repeats is on a sheet of its own."""
    asked = request(view_of(busy), name, city="Oslo")
    text = b"".join(download.answer(asked).lines).decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(text, "")))
    shared = lines[0].index("website")
    book = opened(workbook_of(asked))
    title = titles.title(name, ARGUMENTS.get(name, ()))
    assert book.sheetnames == [title, ABOUT]
    written = [[as_in_csv(cell) for cell in line] for line in book[title]]
    assert len(written) == len(lines)
    for cells, expected in zip(written, lines, strict=True):
        for cell, wanted in zip(cells, expected[:shared], strict=True):
            assert cell == wanted or float(cell) == pytest.approx(float(wanted), rel=1e-14)
    facts = facts_of(book)
    one = ("\u05d7\u05e0\u05d5\u05ea;=1", "acme.example")
    assert (facts["Website"], facts.get("Domain")) == ((ALL, None) if name == "all_websites" else one)
    assert (facts["Timezone"], facts["Filters"]) == ("Europe/Berlin", "City: Oslo")
    values = [cell.value for line in book[ABOUT] for cell in line]
    assert {"period_start (Europe/Berlin)", "period_end (Europe/Berlin)", "City: Oslo"} <= set(values)
    assert len(lines) - 1 in values


def test_a_workbook_of_a_page_has_a_sheet_per_table_after_what_they_are_about(busy: Site) -> None:
    """In the order of the request; dates and comparison as the page says them, and when it was made in its timezone."""
    view = view_of(busy)
    names = ("kpis", "kpi_series", "funnel_steps", "conversation_list")
    before = datetime.now(UTC)
    requests = [
        download.request(view, tables.FILES[name], ARGUMENTS.get(name, ()), {}, "Overview") for name in names
    ]
    book = opened(workbook_of(*requests, is_page=True))
    assert book.sheetnames == [ABOUT, "KPIs", "KPIs over time", "Funnel", "Conversations"]
    facts = facts_of(book)
    made = facts.pop("Made (Europe/Berlin)")
    assert isinstance(made, datetime)
    assert abs(made.replace(tzinfo=clock.parse_timezone("Europe/Berlin")) - before) < timedelta(minutes=1)
    resolved = resolve(view, Website("w", "Acme", "w", "acme.example", "o", "Acme", "paid"))
    assert facts == {
        "Website": "\u05d7\u05e0\u05d5\u05ea;=1",
        "Domain": "acme.example",
        "Page": "Overview",
        "Dates": periods.days_label(*resolved.period.local_days()),
        "Compared with": periods.days_label(*resolved.previous.local_days()),
        "Timezone": "Europe/Berlin",
        "Filters": "None",
    }
    assert book["Conversations"].max_row == 41


def test_a_workbook_says_which_table_has_which_dates(busy: Site) -> None:
    """The list of who waits reaches back as far as the plan, the backlog over the dates of the page."""
    view = view_of(busy)
    book = opened(workbook_of(request(view, "waiting_list"), request(view, "backlog_totals"), is_page=True))
    resolved = resolve(view, Website("w", "Acme", "w", "acme.example", "o", "Acme", "paid"))
    days, before = (periods.days_label(*each.local_days()) for each in (resolved.period, resolved.previous))
    facts = facts_of(book)
    first, second = str(facts["Dates"]).split("; ")
    assert first.endswith(" in “Waiting for an answer”")
    assert second == f"{days} in “Backlog, whole period”"
    assert facts["Compared with"] == before


def test_a_workbook_names_the_panels_that_are_missing(busy: Site) -> None:
    """Those that showed an error when Export page was clicked; only a key of a panel is taken for one."""
    kpis = request(view_of(busy), "kpis")
    facts = facts_of(opened(workbook_of(kpis, is_page=True, without=["over-time", "city"])))
    assert facts["Missing"] == "Over time, City: no numbers were shown when the file was made."
    with pytest.raises(ValueError, match="without"):
        download.answer(workbook_of(kpis, is_page=True, without=["=HYPERLINK(1)"]))


def test_a_workbook_without_a_comparison_says_so(busy: Site) -> None:
    """Because it is off, or because nothing in it is compared."""
    off = opened(workbook_of(request(view_of(busy, is_compared=False), "kpis")))
    assert facts_of(off)["Compared with"] == "Nothing: comparison is off"
    assert (
        facts_of(opened(workbook_of(request(view_of(busy), "hours"))))["Compared with"]
        == "Nothing in this file"
    )


@pytest.mark.parametrize("name", ["visitor_series", "visitor_values"])
def test_a_workbook_of_visitors_says_what_visitors_are_compared_with(busy: Site, name: str) -> None:
    """30 days of conversations are compared with the 30 before; visitors reach back 30 days alone, so of them 7 are."""
    month, week = (view_of(busy, days=days) for days in (30, 7))
    reason = facts_of(opened(workbook_of(request(month, name))))["Compared with"]
    assert reason == "Nothing: not comparable, data reaches back 30 days"
    compared = facts_of(opened(workbook_of(request(month, "kpis"))))["Compared with"]
    assert not str(compared).startswith("Nothing")
    resolved = resolve(week, Website("w", "Acme", "w", "acme.example", "o", "Acme", "paid"))
    assert facts_of(opened(workbook_of(request(week, name))))["Compared with"] == periods.days_label(
        *resolved.previous.local_days()
    )


@pytest.mark.usefixtures("small_pages")
def test_a_workbook_past_the_limit_has_the_rows_of_the_csv_and_says_so(busy: Site) -> None:
    """The newest 15 of 40; the browser is told how many."""
    asked = workbook_of(request(view_of(busy), "conversation_list"))
    file = download.answer(asked)
    assert (file.rows, file.is_cut) == (15, True)
    book = openpyxl.load_workbook(io.BytesIO(b"".join(file.lines)))
    assert [cell.value for cell in book["Conversations"]["A"][1:]] == [f"c2-{number}" for number in range(15)]
    values = [cell.value for line in book[ABOUT] for cell in line]
    assert "Only the first 15 of 40 rows: narrow the page down for the others." in values


def test_every_table_has_a_name_that_fits_a_sheet() -> None:
    """Also with its longest first argument."""
    firsts: dict[str, tuple[str, ...]] = {
        "bands": ("response", "resolution"),
        "percentiles_over_time": ("response", "resolution"),
        "visitor_values": tuple(DIMENSIONS),
        "answers_over_time": ("ratings", "sentiment"),
        "ai_and_people": ("cohort", "time_saved", "sides", "likeness"),
        "waiting_list": ("answer", "resolution"),
    }
    named = [titles.title(name, (first,)) for name in tables.FILES for first in firsts.get(name, ("",))]
    assert len(set(named)) == len(named)
    assert [title for title in named if not 0 < len(title) <= NAME_LIMIT or title != title.strip()] == []


@pytest.mark.parametrize("name", tables.FILES)
def test_a_viewer_who_was_banned_meanwhile_gets_no_workbook(
    busy: Site, name: str, staff: str, stack_environment: LocalStack
) -> None:
    """By the rights of the click, like a CSV."""
    asked = workbook_of(request(view_of(busy), name), is_page=True)
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET banned = true WHERE id = %s', (staff,))
    cached.clear()
    with pytest.raises(errors.AccessDenied, match="suspended"):
        download.answer(asked)


def test_one_table_without_access_refuses_the_whole_workbook(
    busy: Site, staff: str, stack_environment: LocalStack
) -> None:
    """A member asks for a table of staff beside one of their own."""
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET role = NULL WHERE id = %s', (staff,))
        connection.execute(
            "INSERT INTO member (id, organization_id, user_id, role, created_at) VALUES (%s, %s, %s, 'member', now())",
            (uuid4().hex, busy.organization_id, staff),
        )
    cached.clear()
    kpis, queries = (request(view_of(busy), name) for name in ("kpis", "queries"))
    assert opened(workbook_of(kpis))
    with pytest.raises(errors.AccessDenied):
        download.answer(workbook_of(kpis, queries, is_page=True))


@pytest.mark.parametrize("field", ["website", "range", "timezone", "compare", "page"])
def test_a_workbook_is_about_one_view(busy: Site, field: str) -> None:
    """Its first sheet says one website and one timezone, so a request that mixes them is refused."""
    asked = json.loads(workbook_of(request(view_of(busy), "kpis"), request(view_of(busy), "bands")))
    asked["workbook"][1][field] = "other"
    with pytest.raises(ValueError, match="one website, range, timezone and comparison"):
        download.answer(json.dumps(asked))


@pytest.mark.parametrize("count", [0, download.MOST_TABLES + 1])
def test_a_workbook_has_a_number_of_tables_that_a_page_can_have(busy: Site, count: int) -> None:
    """Neither none nor any."""
    with pytest.raises(ValueError, match="workbook"):
        download.answer(workbook_of(*[request(view_of(busy), "kpis")] * count))


# The library's archive complains once more when it is collected.
@pytest.mark.filterwarnings(
    "ignore:(?s)Exception ignored in.*ZipFile:pytest.PytestUnraisableExceptionWarning"
)
def test_a_disk_without_room_is_a_sentence(busy: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a viewer reads names no path."""
    with Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
        with pytest.raises(errors.AnalyticsError, match="The server has no room for this file") as raised:
            download.answer(workbook_of(request(view_of(busy), "kpis")))
    assert "/dev" not in str(raised.value)
    del raised
    gc.collect()
