"""Answers of pipes that are each well-formed and cannot be the answer to what was asked: an error, never a number."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from analytics import sources
from analytics.errors import SchemaMismatch
from analytics.scope.selection import EVERYTHING
from analytics.sources import Bounds, Buckets, VisitorFilters
from analytics.transports import tinybird_messages
from analytics.transports.tinybird import Tinybird
from tests.sources.test_conversations import UTC_CLOCK, WEEK, thirty, tinybird  # noqa: F401  # fixtures
from tests.sources.test_sources import DAYS

Ask = Callable[[Tinybird, str, Bounds, Buckets], object]
Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
OTHER_WEEK = Bounds(
    "2026-11-02 00:00:00", "2026-11-09 00:00:00", "2026-10-26 00:00:00", "2026-11-02 00:00:00"
)
NO_FILTER = VisitorFilters()
ASKED: dict[str, Ask] = {
    "inbox_analytics": lambda client, site, of, _: sources.inbox_analytics(client, site, of),
    "unique_visitors": lambda client, site, of, _: sources.unique_visitors(client, site, of),
    "kpi_timeseries": sources.kpi_timeseries,
    "visitor_timeseries": lambda client, site, of, days: sources.visitor_timeseries(
        client, site, of, days, NO_FILTER
    ),
    "visitor_breakdown": lambda client, site, of, days: sources.visitor_breakdown(
        client, site, of, days, NO_FILTER
    ),
    "conversation_breakdown": lambda client, site, of, _: sources.conversation_breakdown(
        client, site, of, UTC_CLOCK, EVERYTHING
    ),
    "conversation_list": lambda client, site, of, _: sources.conversation_list(
        client, site, of, UTC_CLOCK, EVERYTHING, limit=25, offset=25
    ),
    "visitor_locations": lambda client, site, *_: sources.visitor_locations(client, site, 5),
    "visitor_activity": lambda client, site, *_: sources.visitor_activity(client, site),
}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    """Called with a change: the rows of every answer are changed by it from then on."""
    decode = tinybird_messages.json_object

    def begin(change: Change) -> None:
        def changed(content: bytes, name: str) -> dict[str, object]:
            body: dict[str, Any] = decode(content, name)
            body["data"] = change(body["data"])
            return body | {"rows": len(body["data"])}

        monkeypatch.setattr("analytics.transports.tinybird.json_object", changed)

    return begin


def swapped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each period has the other's name."""
    names = {"current": "previous", "previous": "current"}
    return [{**row, "period": names[row["period"]]} for row in rows]


def none(_: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No row is left."""
    return []


def without_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first row is gone."""
    return rows[1:]


PERIODS = ("inbox_analytics", "unique_visitors", "kpi_timeseries", "visitor_timeseries")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *((name, swapped) for name in PERIODS),
        *((name, none) for name in ASKED if name != "conversation_list"),
        *((name, without_first) for name in (*PERIODS, "conversation_list", "visitor_activity")),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_rows_that_are_swapped_or_lost_are_noticed(
    tinybird: Tinybird,  # noqa: F811
    thirty: str,  # noqa: F811
    answered: Callable[[Change], None],
    name: str,
    change: Change,
) -> None:
    """Each answer is good as it is, and an error when it is changed."""
    ASKED[name](tinybird, thirty, WEEK, DAYS)
    answered(change)
    with pytest.raises(SchemaMismatch) as caught:
        ASKED[name](tinybird, thirty, WEEK, DAYS)
    assert caught.value.resource == name


FEWER_DAYS = {name: starts.rpartition(",")[0] for name, starts in DAYS.params().items()}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        *(
            (name, other.params())
            for name in PERIODS
            for other in (
                OTHER_WEEK,
                replace(WEEK, date_to="2026-11-09 00:00:00"),
                replace(WEEK, prev_date_to="2026-11-02 00:00:00"),
            )
        ),
        *(("visitor_breakdown", DAYS.params() | {each: FEWER_DAYS[each]}) for each in FEWER_DAYS),
    ],
)
def test_the_answer_to_another_question_is_noticed(
    tinybird: Tinybird,  # noqa: F811
    thirty: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    other: dict[str, str],
) -> None:
    """A proxy that repeats an answer, or a pipe that does not know a parameter, answers for other days."""
    query = Tinybird.query_pipe
    monkeypatch.setattr(
        Tinybird, "query_pipe", lambda self, pipe, params: query(self, pipe, {**params, **other})
    )
    with pytest.raises(SchemaMismatch, match=r"other (periods|buckets|days) than the requested ones"):
        ASKED[name](tinybird, thirty, WEEK, DAYS)
