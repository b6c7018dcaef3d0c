"""Lists of who waits: waits up to the read, folded countries, the page that each visitor is on."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from analytics.kpis.waiting import COLUMNS, WaitingNow, waiting, with_pages
from analytics.schemas import ACTIVE_VISITORS, WAITING_CONVERSATIONS

NOW = datetime(2026, 11, 10, 14, 32, tzinfo=UTC)
NAMES = [column.name for column in WAITING_CONVERSATIONS.columns]


def conversations(*given: dict[str, object]) -> pd.DataFrame:
    """Rows as Postgres gives them; each was started two hours ago by a visitor of its own."""
    rows = [
        {
            **dict.fromkeys(NAMES),
            "id": f"c{number}",
            "visitor_id": f"v{number}",
            "started_at": NOW - timedelta(hours=2),
            "total": 9,
            **row,
        }
        for number, row in enumerate(given)
    ]
    return WAITING_CONVERSATIONS.frame(NAMES, rows)


def test_a_wait_lasts_until_the_read() -> None:
    """Since the start, or since the escalation; a clock that is ahead gives no negative wait."""
    rows = conversations({"escalated_at": NOW - timedelta(minutes=5)}, {"escalated_at": NOW + timedelta(1)})
    assert waiting(rows, "started_at", NOW).rows["wait_seconds"].tolist() == [7200.0, 7200.0]
    assert waiting(rows, "escalated_at", NOW).rows["wait_seconds"].tolist() == [300.0, 0.0]


def test_the_total_and_the_longest_wait_are_those_of_all() -> None:
    """The first row waits longest."""
    found = waiting(conversations({}, {"started_at": NOW}), "started_at", NOW)
    assert (found.total, found.longest_seconds) == (9, 7200.0)


def test_the_two_lists_are_named_by_what_is_waited_for() -> None:
    """A conversation waits as soon as one of them has a row."""
    some, none = (waiting(rows, "started_at", NOW) for rows in (conversations({}), conversations()))
    found = WaitingNow(some, none)
    assert found.of("answer") is some
    assert found.of("resolution") is none
    assert [each.is_any for each in (found, WaitingNow(none, some), WaitingNow(none, none))] == [
        True,
        True,
        False,
    ]


def test_no_row_is_no_wait() -> None:
    """0, and no longest wait."""
    found = waiting(conversations(), "started_at", NOW)
    assert (found.total, found.longest_seconds) == (0, None)
    assert tuple(found.rows.columns) == COLUMNS
    assert "page_url" in with_pages(found.rows, None)


def test_countries_are_folded_and_named() -> None:
    """`uk` is written in small letters, `T1` is no country, `NA` is Namibia."""
    rows = conversations(
        {"country_code": "fr"}, {"country_code": "T1"}, {"country_code": "NA"}, {"country_code": None}
    )
    found = waiting(rows, "started_at", NOW).rows
    assert found["country_code"].fillna("").tolist() == ["FR", "", "NA", ""]
    assert found["country"].fillna("").tolist() == ["France", "", "Namibia", ""]


def test_answered_and_escalated_are_marks() -> None:
    """By their times."""
    found = waiting(
        conversations({}, {"first_response_at": NOW, "escalated_at": NOW}), "started_at", NOW
    ).rows
    assert found[["is_answered", "is_escalated"]].to_numpy().tolist() == [[False, False], [True, True]]


def test_a_page_is_that_of_the_visitor() -> None:
    """Nothing for a visitor who is not here, for one without a page, and where the visitors could not be read."""
    rows = waiting(conversations({}, {}, {}), "started_at", NOW).rows
    names = [column.name for column in ACTIVE_VISITORS.columns]
    sample = {"string": "", "float": 0.0, "datetime": NOW}
    seen = [
        {**{column.name: sample[column.dtype] for column in ACTIVE_VISITORS.columns}, **row}
        for row in ({"visitor_id": "v1", "page_url": "/pricing"}, {"visitor_id": "v2"}, {"visitor_id": "v9"})
    ]
    found = with_pages(rows, ACTIVE_VISITORS.frame(names, seen))
    assert found["page_url"].fillna("").tolist() == ["", "/pricing", ""]
    assert with_pages(rows, None)["page_url"].isna().all()
