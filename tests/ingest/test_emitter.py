"""What a service calls: every kind of event as it arrives, what raises, what is sent once, and what a KPI makes of it."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd
import pytest

from analytics.errors import ConfigError
from analytics.ingest.emitter import Conversation, Counters, Emitter, Visit
from analytics.ingest.events import InvalidEvent, VisitorEvent
from analytics.ingest.events.descriptions import MAX_PAGE_URL_CHARACTERS
from analytics.ingest.spool.settings import SpoolSettings
from tests.conftest import LocalStack
from tests.ingest.stored import Stored

NOWHERE = "http://127.0.0.1:9"
FLUSH_SECONDS = 30.0
START = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)


class Who(TypedDict):
    """Which visitor of which website."""

    website_id: str
    visitor_id: str


@pytest.fixture
def emitter(local_stack: LocalStack, tmp_path: Path) -> Iterator[Emitter]:
    """An emitter on the local stack."""
    with Emitter(local_stack.host, local_stack.append_token, tmp_path) as each:
        yield each


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[Emitter]:
    """An emitter whose Tinybird is down."""
    with Emitter(NOWHERE, "token", tmp_path) as each:
        yield each


def test_every_call_arrives_as_its_event(emitter: Emitter, stored: Stored) -> None:
    """Types, instants in UTC, seconds since the start; `ai_resolved` beside `conversation_resolved`."""
    visit: Who = {"website_id": stored.website_id, "visitor_id": "v1"}
    which: Conversation = {
        "website_id": stored.website_id,
        "visitor_id": "v1",
        "conversation_id": "c1",
    }
    at = [START + timedelta(seconds=seconds) for seconds in (0, 90.5, 100, 200, 300)]
    east = timezone(timedelta(hours=5))
    assert emitter.visitor_seen(
        **visit,
        at=START,
        session_id="s1",
        country_code="IS",
        city="Reykjavík",
        latitude=64.15,
        longitude=-21.94,
        device_type="mobile",
        browser="Firefox",
        page_url="https://x.example/'\"\n",
    )
    assert emitter.page_view(**visit, at=at[1].astimezone(east), country_code="IS")
    assert emitter.conversation_started(**which, at=START)
    assert emitter.first_response(**which, started_at=START.astimezone(east), at=at[1])
    assert emitter.escalated(**which, at=at[2])
    assert emitter.conversation_resolved(**which, started_at=START, by_ai=True, at=at[3])
    assert emitter.feedback_submitted(**which, at=at[4])
    assert emitter.flush(FLUSH_SECONDS)
    seen, viewed = stored.rows("visitor_events")
    assert (seen["event_type"], seen["city"], seen["page_url"]) == (
        "seen",
        "Reykjavík",
        "https://x.example/'\"",
    )
    assert (round(seen["latitude"], 2), seen["device_type"], seen["session_id"]) == (64.15, "mobile", "s1")
    assert (viewed["event_type"], viewed["timestamp"], viewed["country_code"]) == (
        "page_view",
        "2026-11-10 09:31:30",
        "IS",
    )
    rows = stored.rows("conversation_metrics")
    assert [(row["timestamp"][-8:], row["event_type"], row["duration_seconds"]) for row in rows] == [
        ("09:30:00", "conversation_started", 0),
        ("09:31:30", "first_response", 90.5),
        ("09:31:40", "escalated", 0),
        ("09:33:20", "ai_resolved", 200),
        ("09:33:20", "conversation_resolved", 200),
        ("09:35:00", "feedback_submitted", 0),
    ]


def test_a_resolution_by_people_has_no_second_event(emitter: Emitter, stored: Stored) -> None:
    """And the event's time is now when none is given."""
    started_at = datetime.now(UTC) - timedelta(hours=1)
    emitter.conversation_resolved(
        website_id=stored.website_id, visitor_id="v", conversation_id="c", started_at=started_at, by_ai=False
    )
    assert emitter.flush(FLUSH_SECONDS)
    (row,) = stored.rows("conversation_metrics")
    assert row["event_type"] == "conversation_resolved"
    assert 3600 <= row["duration_seconds"] < 3610


def test_a_clock_that_is_a_minute_ahead_is_no_mistake(emitter: Emitter, stored: Stored) -> None:
    """A start up to a minute after the event took no time."""
    emitter.first_response(
        website_id=stored.website_id,
        visitor_id="v",
        conversation_id="c",
        started_at=START + timedelta(minutes=1),
        at=START,
    )
    assert emitter.flush(FLUSH_SECONDS)
    (row,) = stored.rows("conversation_metrics")
    assert (row["duration_seconds"], row["timestamp"][-8:]) == (0, "09:30:00")


MISSING = object()
BAD: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "naive start": ("first_response", {"started_at": datetime(2026, 1, 1)}, "started_at", "timezone"),  # noqa: DTZ001
    "no start": ("first_response", {"started_at": None}, "started_at", "timezone"),
    "start as text": ("first_response", {"started_at": "2026-01-01"}, "started_at", "timezone"),
    "start as pandas' nothing": ("first_response", {"started_at": pd.NaT}, "started_at", "timezone"),
    "time as pandas' nothing": ("visitor_seen", {"at": pd.NaT}, "at", "timezone"),
    "answer before start": (
        "first_response",
        {"started_at": START + timedelta(minutes=1, microseconds=1), "at": START},
        "started_at",
        "after",
    ),
    "naive time": ("escalated", {"at": datetime(2026, 1, 1)}, "at", "timezone"),  # noqa: DTZ001
    "far future": ("escalated", {"at": datetime.now(UTC) + timedelta(days=2)}, "at", "future"),
    "no conversation": ("escalated", {"conversation_id": ""}, "conversation_id", "letters"),
    "by whom": ("conversation_resolved", {"started_at": START, "by_ai": "yes"}, "by_ai", "True or False"),
    "unknown argument": ("escalated", {"colour": "red"}, "colour", "no such field"),
    "no visitor": ("page_view", {"visitor_id": MISSING}, "visitor_id", "it is missing"),
    "perhaps a test": ("page_view", {"is_test": "no"}, "is_test", "True or False"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_event_raises_at_the_call(offline: Emitter, name: str) -> None:
    """With field and reason; nothing is written, and nothing is remembered of it."""
    method, values, field, reason = BAD[name]
    which: dict[str, Any] = {"website_id": "w", "visitor_id": "v"}
    if method not in {"visitor_seen", "page_view"}:
        which["conversation_id"] = "c"
    with pytest.raises(InvalidEvent) as raised:
        getattr(offline, method)(
            **{name: value for name, value in {**which, **values}.items() if value is not MISSING}
        )
    assert (raised.value.field, reason in raised.value.reason) == (field, True)
    assert offline.counters() == Counters(0, 0, 0, 0, 0, 0, 0, None, 0, 0)


def test_events_of_a_test_visitor_are_never_sent(emitter: Emitter, stored: Stored) -> None:
    """Every method: True, counted, checked like any other, and not in Tinybird; None is no test visitor."""
    who: Who = {"website_id": stored.website_id, "visitor_id": "v"}
    which: Conversation = {**who, "conversation_id": "c"}
    for is_test in (True, None):
        assert emitter.visitor_seen(**who, is_test=is_test)
        assert emitter.page_view(**who, is_test=is_test)
        assert emitter.conversation_started(**which, is_test=is_test)
        assert emitter.first_response(**which, started_at=START, is_test=is_test)
        assert emitter.escalated(**which, is_test=is_test)
        assert emitter.conversation_resolved(**which, started_at=START, by_ai=True, is_test=is_test)
        assert emitter.feedback_submitted(**which, is_test=is_test)
        done = emitter.counters()
        assert (done.left_out, done.accepted) == (8, 0 if is_test else 8)
    assert emitter.flush(FLUSH_SECONDS)
    assert len(stored.rows("visitor_events")) == 2
    assert len(stored.rows("conversation_metrics")) == 6


def test_a_value_that_is_cut_costs_no_event_and_is_counted(emitter: Emitter, stored: Stored) -> None:
    """Stored without it, counted by field and reason; a repeated heartbeat changes nothing and counts nothing."""
    who: Who = {"website_id": stored.website_id, "visitor_id": "v"}
    for _ in range(2):
        assert emitter.visitor_seen(
            **who, city="x" * 101, latitude=91, longitude=1, country_code="T1", at=START
        )
    assert emitter.page_view(
        **who, page_url="https://x.test/?" + "y" * 9_000, at=START + timedelta(seconds=1)
    )
    assert emitter.flush(FLUSH_SECONDS)
    seen, viewed = stored.rows("visitor_events")
    assert (seen["city"], seen["latitude"], seen["country_code"]) == ("x" * 100, 0, "")
    assert len(viewed["page_url"]) == MAX_PAGE_URL_CHARACTERS
    assert emitter.counters().changed == {
        "city: too long, cut": 1,
        "latitude: not a coordinate, emptied": 1,
        "page_url: too long, cut": 1,
    }


def test_a_heartbeat_within_a_minute_is_sent_once(emitter: Emitter, stored: Stored) -> None:
    """Per visitor and website, by the time of the event; page views always go."""
    other = f"{stored.website_id}-b"
    for seconds in (0, 20, 59.9, 60, 61, 119, 120, 130):
        at = START + timedelta(seconds=seconds)
        assert emitter.visitor_seen(website_id=stored.website_id, visitor_id="v1", at=at)
    for website, visitor in ((stored.website_id, "v2"), (other, "v1")):
        assert emitter.visitor_seen(website_id=website, visitor_id=visitor, at=START)
    for _ in range(2):
        assert emitter.page_view(website_id=stored.website_id, visitor_id="v1", at=START)
    assert emitter.flush(FLUSH_SECONDS)
    assert stored.ids("visitor_events") == {"v1": 3 + 2, "v2": 1}
    assert emitter.counters().repeated == 5


def test_threads_that_see_the_same_visitor_send_one_heartbeat(emitter: Emitter, stored: Stored) -> None:
    """Eight at once: one is written, the others are repetitions."""
    together = threading.Barrier(8)
    # Few enough that two of them hardly ever have the same place in the table of heartbeats.
    visitors = range(10)

    def call() -> None:
        together.wait()
        for number in visitors:
            emitter.visitor_seen(website_id=stored.website_id, visitor_id=f"v{number}")

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert emitter.flush(FLUSH_SECONDS)
    assert stored.ids("visitor_events") == {f"v{number}": 1 for number in visitors}
    assert emitter.counters().repeated == 7 * len(visitors)


def test_a_dropped_heartbeat_is_not_taken_for_sent(tmp_path: Path) -> None:
    """A spool without space remembers no visitor."""
    with Emitter(NOWHERE, "token", tmp_path, max_spool_bytes=10) as emitter:
        assert not emitter.visitor_seen(website_id="w", visitor_id="v")
        assert not emitter.visitor_seen(website_id="w", visitor_id="v")
        assert (emitter.counters().dropped, emitter.counters().repeated) == (2, 0)


def test_a_call_never_raises_because_tinybird_is_down(offline: Emitter) -> None:
    """It is True, the event is on the disk, and the counters say since when."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=3)
    assert offline.page_view(website_id="w", visitor_id="v", at=at)
    assert offline.page_view(website_id="w", visitor_id="v")
    assert not offline.flush(0.3)
    counters = offline.counters()
    assert (counters.accepted, counters.sent, counters.spooled, counters.oldest) == (2, 0, 2, at)
    assert offline.failure is not None


def test_the_bound_is_kept_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A spool of 20 kB takes no more; calls are False then, and one line says so."""
    with Emitter(NOWHERE, "token", tmp_path, max_spool_bytes=20_000) as emitter:
        results = [emitter.page_view(website_id="w", visitor_id=f"v{number}") for number in range(300)]
        counters = emitter.counters()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.ndjson")) <= 20_000
    assert results == sorted(results, reverse=True)
    assert (counters.accepted, counters.dropped) == (results.count(True), results.count(False))
    assert counters.dropped > 100
    said = [record for record in caplog.records if "dropped" in record.message]
    assert [record.levelname for record in said] == ["ERROR"]


def test_confirmed_events_do_not_fill_a_small_spool(
    local_stack: LocalStack, stored: Stored, tmp_path: Path
) -> None:
    """Three times what the bound allows goes through it, as long as each part is confirmed before the next."""
    settings = SpoolSettings(refresh_seconds=0.0)
    with Emitter(
        local_stack.host, local_stack.append_token, tmp_path, max_spool_bytes=20_000, settings=settings
    ) as emitter:
        for part in range(5):
            for number in range(40):
                assert emitter.page_view(website_id=stored.website_id, visitor_id=f"v{part}-{number}")
            assert emitter.flush(FLUSH_SECONDS)
        assert emitter.counters().dropped == 0
    assert len(stored.ids("visitor_events")) == 200


def test_every_thread_of_a_service_may_call(emitter: Emitter, stored: Stored) -> None:
    """Eight threads at once: no line is torn, none is lost."""

    def call(name: int) -> None:
        for number in range(250):
            emitter.page_view(website_id=stored.website_id, visitor_id=f"{name}-{number}")

    threads = [threading.Thread(target=call, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert emitter.flush(FLUSH_SECONDS)
    ids = stored.ids("visitor_events")
    assert (len(ids), ids.total()) == (2000, 2000)
    assert emitter.counters().refused == 0


def test_kpis_are_right_under_duplicates(
    emitter: Emitter, stored: Stored, query_pipe: Callable[..., list[dict[str, Any]]]
) -> None:
    """Delivery is at least once: the same events sent again change no KPI."""
    now = datetime.now(UTC)
    period = {
        "website_id": stored.website_id,
        "date_from": (now - timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S"),
        "date_to": (now + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S"),
    }

    def send() -> None:
        for number in range(20):
            started = now - timedelta(seconds=1800 + number)
            visit: Who = {"website_id": stored.website_id, "visitor_id": f"v{number % 7}"}
            which: Conversation = {
                "website_id": stored.website_id,
                "visitor_id": f"v{number % 7}",
                "conversation_id": f"c{number}",
            }
            emitter.page_view(**visit, at=started)
            emitter.visitor_seen(**visit, at=started - timedelta(minutes=2 * number))
            emitter.conversation_started(**which, at=started)
            emitter.first_response(
                **which, started_at=started, at=started + timedelta(seconds=number**2 + 0.25)
            )
            if number % 3:
                emitter.conversation_resolved(
                    **which,
                    started_at=started,
                    by_ai=number % 2 == 0,
                    at=started + timedelta(seconds=60 * number),
                )
            if number % 5 == 0:
                emitter.escalated(**which, at=started)
                emitter.feedback_submitted(**which, at=started)
        assert emitter.flush(FLUSH_SECONDS)

    def answers() -> list[list[dict[str, Any]]]:
        return [query_pipe(pipe, **period) for pipe in ("inbox_analytics", "unique_visitors")]

    send()
    once, rows = answers(), len(stored.rows("conversation_metrics"))
    assert once[0][0]["responded"] == 20
    send()
    assert len(stored.rows("conversation_metrics")) == 2 * rows
    assert answers() == once


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("TINYBIRD_HOST", "", "TINYBIRD_HOST is missing"),
        ("TINYBIRD_HOST", "ftp://x", "http"),
        ("TINYBIRD_APPEND_TOKEN", "", "TINYBIRD_APPEND_TOKEN is missing"),
        ("TINYBIRD_APPEND_TOKEN", "a b", "neither spaces"),
        ("TINYBIRD_ADMIN_TOKEN", "ä", "neither spaces"),
        ("INBOX_ANALYTICS_SPOOL_DIR", "", "INBOX_ANALYTICS_SPOOL_DIR is missing"),
        ("INBOX_ANALYTICS_SPOOL_DIR", "/dev/null/spool", "INBOX_ANALYTICS_SPOOL_DIR"),
    ],
)
def test_an_unusable_environment_is_said_at_the_start(
    tmp_path: Path, variable: str, value: str, word: str
) -> None:
    """Each variable with what it should be, no token repeated; Postgres and pipes are nothing to an emitter."""
    environ = {
        "TINYBIRD_HOST": NOWHERE,
        "TINYBIRD_APPEND_TOKEN": "p.secret",
        "INBOX_ANALYTICS_SPOOL_DIR": str(tmp_path),
    }
    Emitter.from_environment(environ).close()
    with pytest.raises(ConfigError) as raised:
        Emitter.from_environment({**environ, variable: value})
    assert word in str(raised.value)
    assert "secret" not in str(raised.value)


def test_the_emitter_takes_every_field_of_a_visitor_event() -> None:
    """All but the type, which the method says, and the time, which is `at`."""
    assert set(Visit.__annotations__) == VisitorEvent.model_fields.keys() - {"event_type", "timestamp"}
