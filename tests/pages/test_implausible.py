"""After a good answer, one that cannot be true leaves the numbers as they were, marked stale: on every page."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analytics.cached.reading import reads
from analytics.cached.shared.reads import Asked, SharedReads
from analytics.cached.shared.state import Run
from analytics.errors import SourceUnavailable
from analytics.readings import Answer
from analytics.transports import tinybird_messages
from tests.pages.conftest import RunPage, SendEvents, Site, text_of

Fault = Callable[[dict[str, Any]], None]


def negative(body: dict[str, Any]) -> None:
    """Every number of every row is below 0."""
    body["data"] = [
        {name: -value - 1 if isinstance(value, int | float) else value for name, value in row.items()}
        for row in body["data"]
    ]


def twice(body: dict[str, Any]) -> None:
    """Every row is there twice, and the count of rows says so."""
    body["data"] *= 2
    body["rows"] = len(body["data"])


def empty(body: dict[str, Any]) -> None:
    """There are no rows, and the count of rows says so."""
    body["data"], body["rows"] = [], 0


def cut(body: dict[str, Any]) -> None:
    """There are no rows, and the count of rows says that there are."""
    body["data"] = []


def swapped(body: dict[str, Any]) -> None:
    """The rows of each period say that they are the other's."""
    names = {"current": "previous", "previous": "current"}
    for row in body["data"]:
        if "period" in row:
            row["period"] = names[row["period"]]


def without_nullable(body: dict[str, Any]) -> None:
    """What may be null is declared and not sent."""
    gone = {column["name"] for column in body["meta"] if "Nullable" in column["type"]}
    body["data"] = [{name: value for name, value in row.items() if name not in gone} for row in body["data"]]


OVERVIEW, CONVERSATIONS, SATISFACTION, VISITORS, LIVE = (
    "pages/overview.py",
    "pages/conversations.py",
    "pages/satisfaction.py",
    "pages/visitors.py",
    "pages/live.py",
)
CASES = [
    *(
        (page, fault)
        for page in (OVERVIEW, CONVERSATIONS, VISITORS, LIVE)
        for fault in (negative, twice, cut)
    ),
    *((page, empty) for page in (OVERVIEW, CONVERSATIONS, VISITORS, LIVE)),
    *((page, swapped) for page in (OVERVIEW, CONVERSATIONS, SATISFACTION, VISITORS)),
    (OVERVIEW, without_nullable),
    (CONVERSATIONS, without_nullable),
]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """Called with a fault: every answer of a pipe has it from then on, and nothing fresh is kept."""
    decode = tinybird_messages.json_object

    def begin(fault: Fault) -> None:
        def changed(content: bytes, name: str) -> dict[str, object]:
            body = decode(content, name)
            if isinstance(body.get("data"), list):
                fault(body)
            return body

        monkeypatch.setattr("analytics.transports.tinybird.json_object", changed)
        reads.expire()

    return begin


def _numbers(page: AppTest) -> Mapping[str, str]:
    return {metric.label: str(metric.value) for metric in page.metric}


def _empty_states(page: AppTest) -> list[str]:
    return re.findall(r"No .* in (?:this period|the last)|No conversations here", text_of(page))


@pytest.fixture
def busy(three_conversations: Site, two_visitors: Site, send_events: SendEvents) -> Site:
    """A website with conversations and a visitor of yesterday, and two visitors right now."""
    assert three_conversations == two_visitors
    row = {
        "timestamp": f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d %H:%M:%S}",
        "website_id": two_visitors.id,
        "visitor_id": f"{two_visitors.id}-yesterday",
        "event_type": "seen",
    }
    assert send_events("visitor_events", [row])["successful_rows"] == 1
    return two_visitors


@pytest.mark.parametrize(("path", "fault"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_an_answer_that_cannot_be_true_leaves_the_last_good_one(
    run_page: RunPage,
    busy: Site,
    faulty: Callable[[Fault], None],
    caplog: pytest.LogCaptureFixture,
    path: str,
    fault: Fault,
) -> None:
    """No wrong number, no zero, no "mistake in the dashboard"; no id of a row in the log."""
    query = {"website": busy.slug, "tz": "UTC"}
    before = run_page(path, **query)
    faulty(fault)
    page = run_page(path, **query)
    words = text_of(page)
    assert not page.exception
    assert "error in the dashboard" not in words
    assert "Stale: from" in words
    assert _numbers(page) == _numbers(before)
    assert _empty_states(page) == _empty_states(before)
    assert f"{busy.id}-" not in caplog.text


@pytest.mark.parametrize("fault", [negative, empty, cut], ids=lambda fault: fault.__name__)
def test_without_a_good_answer_there_is_an_error_and_no_number(
    run_page: RunPage, three_conversations: Site, faulty: Callable[[Fault], None], fault: Fault
) -> None:
    """The card names the source; its numbers are absent, never 0."""
    faulty(fault)
    page = run_page(OVERVIEW, website=three_conversations.slug, tz="UTC")
    assert not page.exception
    assert not page.metric
    assert "Tinybird's answer is not as expected" in text_of(page)


UNMARKED = {"user_by_email", "websites_for_viewer", "data_freshness", "still_waiting"}
"""The viewer's access, which is trusted for a time of its own; the newest event, whose age the header shows; the count of who
still waits, whose own text says its age (tests/pages/test_waiting.py)."""

OF_HEADER = {"inbox_analytics", "rating_and_sentiment", "unique_visitors", "kpi_timeseries"}
"""On Visitors they are read for the time in the header alone."""


@pytest.mark.parametrize(
    ("page", "query"),
    [
        *((page, {}) for page in (OVERVIEW, CONVERSATIONS, SATISFACTION, VISITORS, LIVE)),
        (LIVE, {"wall": "1"}),
    ],
)
def test_whatever_fails_alone_is_marked_where_it_is_shown(
    page: str, query: dict[str, str], busy: Site, run_page: RunPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A panel may join several answers: one of them is enough to make it old."""
    run_page(page, website=busy.slug, **query)
    read = {name for name, counts in reads.counter.counts().items() if counts.read}
    shown = read - UNMARKED - (OF_HEADER if page == VISITORS else set())
    assert shown
    answer = SharedReads._answer

    for name in sorted(shown):

        def fail(self: SharedReads, asked: Asked[Any], run: Run, name: str = name) -> Answer[Any]:
            if asked.question.name == name:
                raise SourceUnavailable("Down.", source=asked.question.source, resource=name)
            return answer(self, asked, run)

        reads.expire()
        with monkeypatch.context() as patch:
            patch.setattr(SharedReads, "_answer", fail)
            assert "Stale: from" in text_of(run_page(page, website=busy.slug, **query)), name
