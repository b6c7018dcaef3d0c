"""A website that was read once while everything worked, and what its pages may show when something does not."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from analytics import cached
from analytics.cached.reading import reads
from analytics.cached.shared.waits import Patience
from pages.components import formatting
from tests.conftest import PATIENT, ROOT, LocalStack
from tests.pages.conftest import PAGE_SECONDS, SendEvents, text_of
from tests.product_database import Product

PAGES: Final = (
    *("all_websites", "overview", "conversations", "ai_and_people", "waiting"),
    *("satisfaction", "visitors", "live", "data_health"),
)
SHORT: Final = Patience(0.3, 0.1)
"""Waits for a source that does not answer, so that no test sits them out."""

RECOVERY_SECONDS: Final = 30.0
"""Three times what recovery may take, for a busy machine; benchmarks/faults.py measures it."""

CHANGING: Final = frozenset(
    {"Tinybird", "Postgres", "Store of goals", "Newest event", "Queries today", "Stopped websites"}
)
"""Numbers of Data health that are about the sources, all websites and this moment."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows.

    Attributes:
        numbers: Values and changes of its cards, counts of visitors in words, and what All websites says of each website.
        lines: The values of its charts.
        empty: What it says where there is no data.
        words: All text.
        is_failed: Whether it shows an error, or that an answer or some numbers are missing.
        is_stale: Whether something on it is marked stale.
    """

    numbers: Mapping[str, str]
    lines: frozenset[str]
    empty: frozenset[str]
    words: str
    is_failed: bool
    is_stale: bool

    @classmethod
    def of(cls, page: AppTest) -> Shown:
        """Reads a page that was run; nothing on it is a defect."""
        words = text_of(page)
        assert not page.exception
        assert "error in the dashboard" not in words
        cards = {
            f"card {each.label}": f"{each.value} {each.delta}"
            for each in page.metric
            if each.label not in CHANGING
        }
        counts = re.findall(r"([\d,]+) (?::gray\[)?(visitors?[\w ]*)", words)
        return cls(
            numbers=cards | {f"count of {what}": number for number, what in counts} | _cells(page),
            lines=frozenset(
                str(trace.get("y", trace.get("z")))
                for chart in page.get("plotly_chart")
                for trace in json.loads(chart.proto.spec)["data"]
            ),
            empty=frozenset(re.findall(r"\*\*(No [^*]*)\*\*", words)),
            words=words,
            is_failed=bool(page.error) or "hourglass" in words or "Some numbers are missing" in words,
            is_stale="Stale: from" in words,
        )


def _cells(page: AppTest) -> dict[str, str]:
    """The values in the table of all websites by column and row; those that are missing, and times, are left out."""
    tables = [each.value for each in page.dataframe if "Worst change" in each.value]
    return {
        f"cell {row} {column}": str(value)
        for table in tables
        for column in table.columns.drop(["Newest event"])
        for row, value in table[column].items()
        if str(value) not in {formatting.MISSING, "None", "[]"}
    }


@dataclass(frozen=True, slots=True)
class Healthy:
    """The pages of a website while both sources work; All websites shows those of its organization.

    Attributes:
        email: Whom they are for.
        slug: The website.
        organization: The organization.
        pages: What each shows.
        heartbeat: Lets the two visitors be seen now.
        kept: The answers that all of them got.
    """

    email: str
    slug: str
    organization: str
    pages: Mapping[str, Shown]
    heartbeat: Callable[[], None]
    kept: tuple[Mapping[object, object], Mapping[object, object]]

    def remember(self) -> None:
        """Makes those answers the last good ones, as of a moment ago."""
        kept, newest = self.kept
        with reads._changed:  # an answer that comes in between removes what is stale and not the newest
            reads._kept.update(kept)  # type: ignore[arg-type]
            reads._newest.update(newest)  # type: ignore[arg-type]
        reads.expire()


@pytest.fixture(scope="module")
def healthy(local_stack: LocalStack, send_events: SendEvents) -> Iterator[Healthy]:
    """A website with conversations, ratings and visitors, whose pages were all read once."""
    with psycopg.connect(local_stack.owner_url, autocommit=True) as connection:
        product = Product(connection)
        email = f"{uuid4().hex}@example.com"
        product.add_user(email, is_member=False, role="admin")
        product.add_website(f"second-{product.key}")
        _rate(product)
        website = product.website_id
        _converse(website, send_events)

        def heartbeat() -> None:
            _visit(website, send_events, datetime.now(UTC) - timedelta(seconds=20))

        heartbeat()
        _visit(website, send_events, _noon())
        _visit(website, send_events, _earlier_today())
        with pytest.MonkeyPatch.context() as patch:
            _use(patch, local_stack, email)
            patch.setattr(reads, "patience", PATIENT)
            cached.clear()
            pages = {name: Shown.of(shown(name, website, product.organization_id)) for name in PAGES}
            with reads._changed:
                kept = dict(reads._kept), dict(reads._newest)
            cached.clear()
        yield Healthy(email, website, product.organization_id, pages, heartbeat, kept)  # type: ignore[arg-type]
        connection.execute("DELETE FROM organization WHERE id = %s", (product.organization_id,))
        connection.execute('DELETE FROM "user" WHERE email = %s', (email,))


def shown(name: str, website: str, organization: str) -> AppTest:
    """Runs a page of a website, or of all websites of an organization."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PAGE_SECONDS)
    page.switch_page(f"pages/{name}.py")
    page.query_params["website"] = website
    page.query_params["organization"] = organization
    page.query_params["tz"] = "UTC"
    return page.run()


@pytest.fixture
def environment(
    healthy: Healthy, local_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """The settings that the pages run with; the two visitors are seen now."""
    _use(monkeypatch, local_stack, healthy.email)
    healthy.heartbeat()
    return monkeypatch


def check(healthy: Healthy, pages: Sequence[str], *, is_warm: bool) -> Mapping[str, Shown]:
    """Draws pages, and looks whether each number on them is right; a warm page shows all of them, stale or not.

    Args:
        healthy: What is right.
        pages: Which ones.
        is_warm: Whether there are last good answers.

    Returns:
        What they show.
    """
    found = {}
    for name in pages:
        now, before = Shown.of(shown(name, healthy.slug, healthy.organization)), healthy.pages[name]
        found[name] = now
        where = f"{name}, {'warm' if is_warm else 'cold'}: {now.words}"
        assert now.numbers.items() <= before.numbers.items(), where
        if is_warm:
            assert (now.numbers, now.empty) == (before.numbers, before.empty), where
            assert not now.is_failed or name == "data_health", where
        else:
            assert now.empty <= before.empty, where
            assert now.is_failed or now.numbers == before.numbers, where
    return found


def wait_until_fresh(healthy: Healthy, name: str) -> Shown:
    """Tries again, as a viewer may, until a page is fresh, and returns what it shows; fails when it takes too long."""
    ends_at = time.monotonic() + RECOVERY_SECONDS
    while True:
        cached.try_again()
        now = Shown.of(shown(name, healthy.slug, healthy.organization))
        if not now.is_failed and not now.is_stale:
            return now
        assert time.monotonic() < ends_at, now.words
        time.sleep(1.0)


def _use(patch: pytest.MonkeyPatch, stack: LocalStack, email: str) -> None:
    patch.setenv("TINYBIRD_HOST", stack.host)
    patch.setenv("TINYBIRD_READ_TOKEN", stack.read_token)
    patch.setenv("TINYBIRD_ADMIN_TOKEN", stack.admin_token)
    patch.setenv("DATABASE_URL", stack.database_url)
    patch.setenv("TINYBIRD_DAILY_QUERIES", "unlimited")
    patch.setenv("INBOX_ANALYTICS_DEMO", "1")
    patch.setenv("INBOX_ANALYTICS_DEMO_EMAIL", email)


def _noon() -> datetime:
    return (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


def _earlier_today() -> datetime:
    """Before the step of five minutes that pages read up to: the visitors of today are the same after the next step."""
    now = datetime.now(UTC)
    return max(now - timedelta(minutes=40), now.replace(hour=0, minute=0, second=0, microsecond=0))


def _rate(product: Product) -> None:
    for stars in (5, 4, 2):
        conversation = product.add_conversation(_noon(), "positive")
        product.add_feedback(_noon(), stars, conversation_id=conversation, comment=f"{stars} stars")


def _converse(website: str, send_events: SendEvents) -> None:
    rows = [
        {
            "timestamp": (_noon() + timedelta(seconds=after)).isoformat(),
            "website_id": website,
            "visitor_id": f"visitor-{name}",
            "event_type": kind,
            "conversation_id": f"{website}-{name}",
            "duration_seconds": after,
        }
        for name, answered in (("a", 10), ("b", 20), ("c", 60))
        for kind, after in (
            ("conversation_started", 0),
            ("first_response", answered),
            ("conversation_resolved", 10 * answered),
        )
    ]
    assert send_events("conversation_metrics", rows)["successful_rows"] == len(rows)


def _visit(website: str, send_events: SendEvents, at: datetime) -> None:
    rows = [
        {
            "timestamp": at.isoformat(),
            "website_id": website,
            "visitor_id": f"{website}-{city}",
            "session_id": city,
            "event_type": "seen",
            "country_code": "FR",
            "city": city,
            "latitude": 48.85,
            "longitude": 2.35,
            "page_url": "https://acme.example/pricing",
        }
        for city in ("Paris", "Lyon")
    ]
    assert send_events("visitor_events", rows)["successful_rows"] == len(rows)
