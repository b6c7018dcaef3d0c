"""Which websites stopped: each by its own usual gap, worst first."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics import schemas
from analytics.health.website_flow import website_flow, website_state
from analytics.scope.access import Website

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


def website(name: str, *, is_active: bool = True) -> Website:
    """A website whose id is its name."""
    return Website(name, name.title(), name, f"{name}.example", "org", "Org", "paid", is_active)


def freshness(*rows: tuple[str, float | None, float | None, int], total: int | None = None) -> pd.DataFrame:
    """What the pipe says: website, age and usual gap in seconds, events."""
    return schemas.WEBSITE_FRESHNESS.frame(
        (column.name for column in schemas.WEBSITE_FRESHNESS.columns),
        [
            {
                "website_id": name,
                "newest_event": None if age is None else f"{AT - timedelta(seconds=age):%Y-%m-%d %H:%M:%S}",
                "events": events,
                "ahead": 0,
                "usual_gap_seconds": gap,
                "websites": len(rows) if total is None else total,
            }
            for name, age, gap, events in rows
        ],
    )


@pytest.mark.parametrize(
    ("age", "gap", "events", "state"),
    [
        pytest.param(15 * MINUTE, MINUTE, 10_000, "usual", id="a quarter of an hour is never late"),
        pytest.param(15 * MINUTE + 1, MINUTE, 10_000, "quiet", id="past it"),
        pytest.param(HOUR, MINUTE, 10_000, "quiet", id="an hour has not stopped"),
        pytest.param(HOUR + 1, MINUTE, 10_000, "stopped", id="past it too"),
        pytest.param(62 * HOUR, 62 * HOUR, 400, "usual", id="closed at weekends"),
        pytest.param(93 * HOUR + 1, 62 * HOUR, 400, "quiet", id="and on Monday"),
        pytest.param(186 * HOUR + 1, 62 * HOUR, 400, "stopped", id="for a week"),
        pytest.param(10 * DAY, HOUR, 19, "unknown", id="too few events"),
        pytest.param(10 * DAY, None, 50, "unknown", id="all in two minutes"),
        pytest.param(None, None, 0, "none", id="no event"),
    ],
)
def test_a_website_is_judged_by_its_own_gap(
    age: float | None, gap: float | None, events: int, state: str
) -> None:
    """Late after one and a half gaps, stopped after three."""
    assert website_state(age, gap, events) == state


def test_the_worst_is_first_and_every_website_is_there() -> None:
    """Also one without an event; one that is switched off is not late, and a foreign one is left out."""
    rows = freshness(
        ("usual", MINUTE, MINUTE, 500),
        ("gone", 5 * DAY, HOUR, 500),
        ("going", 5 * HOUR, HOUR, 500),
        ("late", 2 * HOUR, HOUR, 500),
        ("few", DAY, HOUR, 3),
        ("off", 9 * DAY, HOUR, 500),
        ("deleted", 9 * DAY, HOUR, 500),
    )
    known = [website(name) for name in ("usual", "never", "few", "late", "going", "gone")]
    flow = website_flow(rows, [*known, website("off", is_active=False)], AT)
    assert dict(zip(flow["website_id"], flow["state"], strict=True)) == {
        "gone": "stopped",
        "going": "stopped",
        "late": "quiet",
        "never": "none",
        "few": "unknown",
        "usual": "usual",
        "off": "inactive",
    }
    assert list(flow["website_id"]) == ["gone", "going", "late", "never", "few", "usual", "off"]
    assert flow["age_seconds"].iloc[0] == 5 * DAY
    assert pd.isna(flow["newest_event"].iloc[3])


def test_a_cut_answer_calls_no_website_silent() -> None:
    """What the pipe did not return is not known."""
    rows = freshness(("gone", 5 * DAY, HOUR, 500), total=2)
    assert list(website_flow(rows, [website("gone"), website("other")], AT)["website_id"]) == ["gone"]


def test_without_websites_there_is_no_row() -> None:
    """With all columns."""
    assert list(website_flow(freshness(), [], AT).columns) == [
        "website_id",
        "name",
        "domain",
        "state",
        "newest_event",
        "age_seconds",
        "usual_gap_seconds",
        "events",
        "ahead",
    ]
