"""What is cached about the data itself: staff alone, one question at a time, counted where it leaves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import streamlit as st

from analytics import cached
from analytics.cached import OpenedView, View, Viewer
from analytics.cached.reading import reads
from analytics.errors import AccessDenied, ConfigError, Source
from analytics.ingest.spool.directory import SpoolStatus
from analytics.ingest.spool.segment import Segment
from analytics.scope.identity import Identity
from analytics.scope.periods import Range
from tests.conftest import LocalStack
from tests.product_database import Product


@pytest.fixture
def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


@pytest.fixture
def viewer(stack_environment: LocalStack, product: Product, now: datetime) -> Viewer:
    """Platform staff."""
    del stack_environment
    email = f"staff.{product.key}@example.com"
    product.add_user(email, is_member=False, role="admin")
    return cached.viewer_for(Identity(email, None), now)


def opened(viewer: Viewer, website_id: str, now: datetime, timezone: str = "UTC") -> OpenedView:
    """The last 7 days of a website."""
    return cached.open_view(View(viewer, website_id, Range(days=7), timezone, now))


Ask = Callable[[Viewer, str, datetime], object]
ASKS: dict[str, Ask] = {
    "tinybird": lambda viewer, _website_id, now: cached.source_health(viewer, "tinybird", now),
    "postgres": lambda viewer, _website_id, now: cached.source_health(viewer, "postgres", now),
    "event_flow": lambda viewer, website_id, now: cached.event_flow(opened(viewer, website_id, now), now),
    "website_states": lambda viewer, _website_id, now: cached.website_states(viewer, now),
    "quarantine": lambda viewer, _website_id, now: cached.quarantine(viewer, now),
    "query_use": lambda viewer, _website_id, now: cached.query_use(viewer, now),
    "cache_savings": lambda viewer, _website_id, now: cached.cache_savings(viewer, now),
    "spooled_events": lambda viewer, _website_id, now: cached.spooled_events(viewer, now),
}


def _spent(viewer: Viewer, now: datetime) -> dict[str, int]:
    """Today's queries of this process by pipe."""
    by_pipe = cached.query_use(viewer, now).value.by_pipe
    return dict(zip(by_pipe["pipe"], by_pipe["queries"], strict=True))


@pytest.mark.parametrize("name", ASKS)
def test_others_are_denied_before_anything_is_asked(
    name: str, product: Product, viewer: Viewer, now: datetime
) -> None:
    """A member of the website's own organization is no staff; no query is spent on the refusal."""
    email = f"member.{product.key}@example.com"
    product.add_user(email)
    member = cached.viewer_for(Identity(email, None), now)
    assert cached.websites(member, now)
    with pytest.raises(AccessDenied, match="staff"):
        ASKS[name](member, product.website_id, now)
    assert _spent(viewer, now) == {}


@pytest.mark.parametrize("name", ["event_flow"])
def test_a_website_that_is_not_there_is_denied(name: str, viewer: Viewer, now: datetime) -> None:
    """Staff see every website, and no others."""
    with pytest.raises(AccessDenied):
        ASKS[name](viewer, "no-such-website", now)


@pytest.mark.parametrize("source", ["tinybird", "postgres"])
def test_probing_costs_no_query_and_is_shared_for_half_a_minute(
    source: Source, viewer: Viewer, now: datetime
) -> None:
    """One probe, however often and by whomever."""
    for _ in range(3):
        seen = cached.source_health(viewer, source, now).value
        assert (seen.state, seen.probes) == ("ok", 1)
    reads.expire()
    assert cached.source_health(viewer, source, now).value.probes == 2
    assert _spent(viewer, now) == {}


def test_the_state_of_all_websites_is_one_query(product: Product, viewer: Viewer, now: datetime) -> None:
    """Shared by all viewers, for any number of websites; a website without events is included."""
    states = cached.website_states(viewer, now).value
    assert states.set_index("website_id")["state"][product.website_id] == "none"
    other = product.add_website(f"other-{product.key}")
    cached.websites_anew(viewer, now)
    assert other in set(cached.website_states(viewer, now + timedelta(minutes=2)).value["website_id"])
    assert _spent(viewer, now) == {"website_freshness": 1}


def test_a_source_that_is_down_is_a_value_with_its_remedy(
    product: Product, viewer: Viewer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that shows outages has none of its own; the failure is not cached."""
    cached.websites(viewer, now)
    monkeypatch.setenv("TINYBIRD_HOST", "http://127.0.0.1:9")
    st.cache_resource.clear()
    down = cached.source_health(viewer, "tinybird", now).value
    assert (down.state, down.median_seconds, down.probes) == ("unreachable", None, 0)
    assert down.error is not None
    assert "TINYBIRD_HOST" in down.error.remedy
    monkeypatch.undo()


def test_flow_shares_its_ages_with_the_header(product: Product, viewer: Viewer, now: datetime) -> None:
    """The newest event of every page's header and this table are one read; each timezone is another volume."""
    cached.newest_event(opened(viewer, product.website_id, now), now)
    cached.event_flow(opened(viewer, product.website_id, now), now)
    cached.event_flow(opened(viewer, product.website_id, now), now)
    assert _spent(viewer, now) == {"data_freshness": 1, "event_volume": 1}
    cached.event_flow(opened(viewer, product.website_id, now, "Asia/Kolkata"), now)
    assert _spent(viewer, now) == {"data_freshness": 1, "event_volume": 2}


def test_quarantine_is_read_once_for_all_viewers(product: Product, viewer: Viewer, now: datetime) -> None:
    """One statement per data source, then none for a while."""
    cached.quarantine(viewer, now)
    email = f"second.{product.key}@example.com"
    product.add_user(email, is_member=False, role="admin")
    cached.quarantine(cached.viewer_for(Identity(email, None), now), now)
    assert _spent(viewer, now) == {"quarantined_rows": 2}


def test_without_an_admin_token_quarantine_is_unknown(
    viewer: Viewer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None and not 0, without a query."""
    monkeypatch.delenv("TINYBIRD_ADMIN_TOKEN")
    st.cache_resource.clear()
    seen = cached.quarantine(viewer, now).value
    assert seen.rows is None
    assert seen.reasons.empty
    assert _spent(viewer, now) == {}


def test_savings_count_what_the_caches_answered(product: Product, viewer: Viewer, now: datetime) -> None:
    """Four asks, one read; clearing everything starts anew."""
    for _ in range(4):
        cached.newest_event(opened(viewer, product.website_id, now), now)
    savings = cached.cache_savings(viewer, now).value
    (row,) = savings[savings["name"] == "data_freshness"].to_dict("records")
    assert row == {"name": "data_freshness", "asked": 4, "read": 1, "failed": 0, "saved_ratio": 0.75}
    cached.clear()
    assert set(cached.cache_savings(viewer, now).value["name"]) == {"user_by_email"}


def test_a_day_later_the_queries_start_at_nothing(product: Product, viewer: Viewer, now: datetime) -> None:
    """The budget is per UTC day."""
    cached.newest_event(opened(viewer, product.website_id, now), now)
    assert cached.query_use(viewer, now).value.spent == 1
    assert cached.query_use(viewer, now + timedelta(days=1)).value.spent == 0


def test_staff_is_what_the_users_row_says_now(
    viewer: Viewer, now: datetime, stack_environment: LocalStack
) -> None:
    """A viewer who lost the staff role after the page began is denied; the flag of the object does not count."""
    cached.query_use(replace(viewer, is_staff=False), now)
    with psycopg.connect(stack_environment.owner_url, autocommit=True) as connection:
        connection.execute('UPDATE "user" SET role = NULL WHERE id = %s', (viewer.user_id,))
    reads.expire()
    with pytest.raises(AccessDenied):
        cached.query_use(viewer, now)


def test_the_spool_is_counted_where_one_is_configured(
    viewer: Viewer, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None without a directory; what waits in it once there is one, and the same for a moment after."""
    assert cached.spooled_events(viewer, now).value is None
    monkeypatch.setenv("INBOX_ANALYTICS_SPOOL_DIR", str(tmp_path))
    segment = Segment.create(tmp_path / "visitor_events")
    segment.append(b'{"timestamp": "2026-11-10 09:30:15"}\n')
    waits = SpoolStatus(1, 0, datetime(2026, 11, 10, 9, 30, 15, tzinfo=UTC), segment.size_bytes)
    assert cached.spooled_events(viewer, now).value == waits
    segment.remove()
    assert cached.spooled_events(viewer, now).value == waits
    st.cache_data.clear()
    assert cached.spooled_events(viewer, now).value == SpoolStatus(0, 0, None, 0)


def test_a_spool_that_cannot_be_read_is_an_error(
    viewer: Viewer, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no empty spool."""
    (tmp_path / "visitor_events").write_text("a file where the folder should be")
    monkeypatch.setenv("INBOX_ANALYTICS_SPOOL_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match="INBOX_ANALYTICS_SPOOL_DIR"):
        cached.spooled_events(viewer, now)
