"""website_kpis against rows that can be counted by hand, and against the pipes of one website."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from tests.tinybird.website import LocalWebsite, Row, ago, stamp, with_buckets

DAY = timedelta(days=1)
MIDNIGHT = ago(days=2).replace(hour=0, minute=0, second=0)


@pytest.fixture
def other(website: LocalWebsite) -> LocalWebsite:
    """A second website."""
    return replace(website, id=f"site-{uuid4().hex}")


def ask(website: LocalWebsite, *ids: str, **parameters: str) -> list[Row]:
    """The rows of the list."""
    answer = website.request("website_kpis", website_ids=",".join(ids), **parameters)
    assert answer.status_code == 200, answer.text
    rows: list[Row] = answer.json()["data"]
    return rows


def two_days(**more: str) -> dict[str, str]:
    """Two days, by the day, and the two days before."""
    period = {"date_from": stamp(MIDNIGHT - DAY), "date_to": stamp(MIDNIGHT + DAY)}
    return with_buckets("day", **period) | more


def test_each_website_has_its_own_numbers(website: LocalWebsite, other: LocalWebsite) -> None:
    """One conversation answered after 10 s on the second day here, two after 20 s in the period before there."""
    website.conversations(
        (stamp(MIDNIGHT), "conversation_started", "a"),
        (stamp(MIDNIGHT + timedelta(seconds=10)), "first_response", "a", 10),
        (stamp(MIDNIGHT + timedelta(seconds=50)), "ai_resolved", "a", 50),
    )
    other.conversations(
        *(
            (stamp(MIDNIGHT - 2 * DAY), event, name, seconds)
            for name in "ab"
            for event, seconds in (("conversation_started", 0), ("first_response", 20))
        )
    )
    website.visit("anna", MIDNIGHT - DAY)
    website.visit("anna", MIDNIGHT)
    other.visit("anna", MIDNIGHT - 3 * DAY)
    rows = ask(website, website.id, other.id, **two_days())
    found = {(row["website_id"], row["period"]): row for row in rows}
    assert list(found) == sorted(found)
    here, before = found[website.id, "current"], found[website.id, "previous"]
    assert (here["started"], here["responded"], here["resolved"], here["ai_resolved"]) == (1, 1, 1, 1)
    assert (here["median_response_seconds"], here["median_resolution_seconds"]) == (10, 50)
    assert (here["unique_visitors"], here["bucket_unique_visitors"]) == (1, [1, 1])
    assert (here["bucket_started"], here["bucket_ai_resolved"]) == ([0, 1], [0, 1])
    assert here["bucket_median_response_seconds"] == [None, 10]
    assert (before["started"], before["median_response_seconds"], before["unique_visitors"]) == (0, None, 0)
    there = found[other.id, "previous"]
    assert (there["started"], there["median_response_seconds"], there["unique_visitors"]) == (2, 20, 1)
    assert there["bucket_responded"] == [0, 2]
    assert found[other.id, "current"]["started"] == 0
    assert (here["starts_at"], here["ends_at"]) == (stamp(MIDNIGHT - DAY), stamp(MIDNIGHT + DAY))


def test_the_newest_event_is_of_the_last_thirty_days(website: LocalWebsite, other: LocalWebsite) -> None:
    """Of any kind and whatever the dates asked for; NULL without one."""
    newest = website.visit("anna", ago(hours=1), "page_view")
    website.conversations((stamp(ago(hours=2)), "escalated", "a"))
    rows = ask(website, website.id, other.id, **two_days())
    assert {row["website_id"]: row["newest_event"] for row in rows} == {
        website.id: stamp(newest),
        other.id: None,
    }


def test_a_website_without_events_has_zeros(website: LocalWebsite) -> None:
    """Both rows are there, with an array as long as the buckets."""
    current, previous = ask(website, website.id, **two_days())
    for row in (current, previous):
        assert (row["started"], row["unique_visitors"], row["ai_handled_ratio"]) == (0, 0, None)
        assert (row["bucket_started"], row["bucket_median_resolution_seconds"]) == ([0, 0], [None, None])


def test_visitors_count_from_an_instant_on(website: LocalWebsite) -> None:
    """Those seen before do not, in the whole and in its buckets; conversations are not affected."""
    website.visit("early", MIDNIGHT - timedelta(seconds=1))
    website.visit("late", MIDNIGHT)
    website.conversations((stamp(MIDNIGHT - timedelta(seconds=1)), "conversation_started", "a"))
    current, _ = ask(website, website.id, **two_days(visitors_from=stamp(MIDNIGHT)))
    assert (current["unique_visitors"], current["bucket_unique_visitors"]) == (1, [0, 1])
    assert current["bucket_started"] == [1, 0]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_every_number_is_that_of_the_website_alone(
    website: LocalWebsite, other: LocalWebsite, zone: str
) -> None:
    """A week of 150 conversations and as many visitors on two websites, which share their ids of conversations."""
    sites, random = (website, other), Random(7)  # noqa: S311 - test data
    for site in sites:
        rows: list[tuple[str, str, str, float]] = []
        for number in range(150):
            start = MIDNIGHT - timedelta(seconds=random.randrange(14 * 86_400))
            name = f"c{number}"
            rows.append((stamp(start), "conversation_started", name, 0))
            rows.extend(_story(random, start, name))
            site.visit(f"v{random.randrange(60)}", start)
        site.conversations(*rows)
    period = with_buckets(
        "day", zone, date_from=stamp(MIDNIGHT - 7 * DAY), date_to=stamp(MIDNIGHT + timedelta(hours=5))
    )
    together = ask(website, *(site.id for site in sites), **period)
    for site in sites:
        own = [row for row in together if row["website_id"] == site.id]
        bounds = {name: value for name, value in period.items() if "bucket" not in name}
        alone = site.ask("inbox_analytics", **bounds)
        for row, expected in zip(own, alone, strict=True):
            assert {name: row[name] for name in expected} == expected
        visitors = site.ask("unique_visitors", **bounds)
        assert [row["unique_visitors"] for row in own] == [row["unique_visitors"] for row in visitors]
        series = site.ask("kpi_timeseries", **period)
        for row in own:
            buckets = [each for each in series if each["period"] == row["period"]]
            for name in [name for name in row if name.startswith("bucket_")]:
                assert row[name] == [each[name.removeprefix("bucket_")] for each in buckets], name
        assert own[0]["started"] > 50
        assert own[0]["median_response_low_seconds"] is not None
        assert own[0]["median_response_other_mix_low_seconds"] is not None


def _story(random: Random, start: datetime, name: str) -> list[tuple[str, str, str, float]]:
    """What may happen after the start: an answer, a resolution by either side, reopened and resolved again."""
    rows: list[tuple[str, str, str, float]] = []
    if random.random() < 0.9:
        seconds = random.randrange(5, 900)
        rows.append((stamp(start + timedelta(seconds=seconds)), "first_response", name, seconds))
    for _ in range(random.randrange(3)):
        seconds = random.randrange(900, 3 * 86_400)
        by_ai = random.random() < 0.5
        at = stamp(start + timedelta(seconds=seconds))
        rows.append((at, "ai_resolved" if by_ai else "conversation_resolved", name, seconds))
    return rows


def test_without_buckets_a_period_is_one(website: LocalWebsite) -> None:
    """Its arrays have one value, that of the whole."""
    website.conversations((stamp(MIDNIGHT), "conversation_started", "a"))
    period: dict[str, Any] = {"date_from": stamp(MIDNIGHT), "date_to": stamp(MIDNIGHT + DAY)}
    current, previous = ask(website, website.id, **period)
    assert (current["bucket_started"], previous["bucket_started"]) == ([1], [0])


def test_a_list_is_needed(website: LocalWebsite) -> None:
    """One id of one website is not taken for a list."""
    answer = website.request("website_kpis", website_id=website.id, **two_days())
    assert answer.status_code == 400
    assert "website_ids" in answer.json()["error"]


def test_an_id_is_never_sql(website: LocalWebsite) -> None:
    """One with a quote matches no website, and comes back as it was given."""
    website.visit("anna", MIDNIGHT)
    rows = ask(website, "x' OR '1'='1", website.id, **two_days())
    assert {row["website_id"]: row["unique_visitors"] for row in rows if row["period"] == "current"} == {
        "x' OR '1'='1": 0,
        website.id: 1,
    }
