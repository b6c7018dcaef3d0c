"""What may be sent: every field has its limits, and what is wrong is said with the field and never with the value."""

import json
import math
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from analytics.ingest.events import (
    DURATION_EVENT_TYPES,
    EARLIEST,
    LATEST,
    LONGEST_DURATION_SECONDS,
    MAX_PAGE_URL_CHARACTERS,
    ConversationEvent,
    ConversationEventType,
    InvalidEvent,
    VisitorEvent,
    VisitorEventType,
)
from analytics.wire import ndjson_line
from tests.conftest import LocalStack
from tests.ingest.stored import Stored

AT = datetime(2026, 11, 10, 9, 30, 15, tzinfo=UTC)
VISIT: Mapping[str, Any] = {"timestamp": AT, "website_id": "w1", "visitor_id": "v1", "event_type": "seen"}
TALK: Mapping[str, Any] = {**VISIT, "event_type": "first_response", "conversation_id": "c1"}

ids = st.from_regex(r"[A-Za-z0-9_-]{1,100}", fullmatch=True)
instants = st.datetimes(
    EARLIEST.replace(tzinfo=None) + timedelta(days=1),
    LATEST.replace(tzinfo=None) - timedelta(days=1),
    timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-14), timedelta(hours=14))),
)
places = st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180))
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(
    at=instants,
    visitor=ids,
    place=places,
    city=texts,
    country=st.none() | st.from_regex(r"[A-Z]{2}", fullmatch=True),
    url=texts,
    kind=st.sampled_from(get_args(VisitorEventType)),
)
def test_every_valid_visitor_event_is_one_line_of_json(
    at: datetime,
    visitor: str,
    place: tuple[float, float] | None,
    city: str | None,
    country: str | None,
    url: str | None,
    kind: VisitorEventType,
) -> None:
    """Whatever it holds: one line without NUL, the instant in UTC, no place without coordinates."""
    latitude, longitude = place or (None, None)
    event = VisitorEvent(
        timestamp=at,
        website_id="w1",
        visitor_id=visitor,
        event_type=kind,
        city=city,
        country_code=country,
        latitude=latitude,
        longitude=longitude,
        page_url=url,
    )
    line = ndjson_line(event.row())
    assert line.count(b"\n") == 1
    assert b"\0" not in line
    row = json.loads(line)
    assert set(row) == set(VisitorEvent.model_fields)
    assert datetime.fromisoformat(row["timestamp"] + "Z") == at.astimezone(UTC).replace(microsecond=0)
    assert row["page_url"] == (url or "")
    if place is None:
        assert (row["latitude"], row["longitude"], row["country_code"], row["city"]) == (0, 0, "", "")
    else:
        assert (row["latitude"], row["longitude"], row["country_code"]) == (*place, country or "")


@given(
    kind=st.sampled_from(get_args(ConversationEventType)),
    seconds=st.floats(0, LONGEST_DURATION_SECONDS) | st.floats(),
)
def test_a_duration_is_finite_and_only_where_it_belongs(kind: ConversationEventType, seconds: float) -> None:
    """Accepted exactly when it is 0, or a time that such an event can have."""
    is_time = math.isfinite(seconds) and 0 <= seconds <= LONGEST_DURATION_SECONDS
    is_valid = is_time and (seconds == 0 or kind in DURATION_EVENT_TYPES)
    values = {**TALK, "event_type": kind, "duration_seconds": seconds}
    if is_valid:
        assert ConversationEvent(**values).row()["duration_seconds"] == seconds
    else:
        with pytest.raises(InvalidEvent) as raised:
            ConversationEvent(**values)
        assert raised.value.field == "duration_seconds"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("timestamp", datetime(2026, 11, 10), "timezone"),  # noqa: DTZ001  # that is the mistake
        ("timestamp", "2026-11-10T00:00:00Z", "valid datetime"),
        ("timestamp", EARLIEST - timedelta(seconds=1), "outside 1970 to 2106-02-07"),
        ("timestamp", LATEST, "outside 1970 to 2106-02-07"),
        ("timestamp", datetime.max.replace(tzinfo=timezone(timedelta(hours=-9))), "outside"),
        ("website_id", "", "1 to 100 letters"),
        ("website_id", "w1\n", "1 to 100 letters"),
        ("website_id", "w' OR 1=1", "1 to 100 letters"),
        ("visitor_id", "v" * 101, "1 to 100 letters"),
        ("visitor_id", 7, "1 to 100 letters"),
        ("visitor_id", "vé", "1 to 100 letters"),
        ("session_id", "", "or None"),
        ("event_type", "ping", "'seen' or 'page_view'"),
        ("country_code", "de", "two capital letters"),
        ("country_code", "DEU", "two capital letters"),
        ("city", "x" * 101, "at most 100 characters"),
        ("city", "\ud800", "unicode"),
        ("browser", True, "valid string"),
        ("device_type", "x" * 51, "at most 50 characters"),
        ("page_url", "x" * (MAX_PAGE_URL_CHARACTERS + 1), "at most 8192 characters"),
        ("latitude", 90.01, "less than or equal to 90"),
        ("latitude", math.nan, "finite"),
        ("longitude", -180.01, "greater than or equal to -180"),
        ("longitude", math.inf, "finite"),
        ("longitude", "13.4", "valid number"),
        ("longitude", None, "other coordinate is there"),
        ("color", "red", "no such field"),
    ],
)
def test_a_visitor_event_names_the_field_and_the_reason(field: str, value: object, reason: str) -> None:
    """And no value, which may be a visitor's."""
    with pytest.raises(InvalidEvent) as raised:
        VisitorEvent(**{**VISIT, "latitude": 52.5, "longitude": 13.4, field: value})
    assert raised.value.field == field
    assert reason in raised.value.reason
    assert not isinstance(value, str) or len(value) < 8 or value not in str(raised.value)
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301  # its own
    assert (copy.field, copy.reason, copy.message) == (field, raised.value.reason, raised.value.message)


@pytest.mark.parametrize("field", ["timestamp", "website_id", "visitor_id", "event_type", "conversation_id"])
def test_what_is_missing_is_named(field: str) -> None:
    """No required field has a default."""
    with pytest.raises(InvalidEvent) as raised:
        ConversationEvent(**{name: value for name, value in TALK.items() if name != field})
    assert raised.value.field == field


def test_an_event_cannot_be_changed_after_it_was_checked() -> None:
    """Frozen, so that what is sent is what was valid."""
    event = ConversationEvent(**TALK)
    with pytest.raises(ValidationError, match="frozen"):
        event.duration_seconds = -1


def test_the_largest_events_fit_their_columns(local_stack: LocalStack) -> None:
    """Nothing that passes here is quarantined there."""
    import httpx

    stored = Stored(local_stack.host, local_stack.admin_token, "site-of-limits")
    longest = VisitorEvent(
        timestamp=LATEST - timedelta(seconds=1),
        website_id=stored.website_id,
        visitor_id="v" * 100,
        event_type="page_view",
        session_id="s" * 100,
        country_code="DE",
        city="é" * 100,
        latitude=-90,
        longitude=180,
        device_type="\x00" * 50,
        browser="😀" * 100,
        page_url="\x01" * MAX_PAGE_URL_CHARACTERS,
    )
    slowest = ConversationEvent(
        **{**TALK, "website_id": stored.website_id, "duration_seconds": LONGEST_DURATION_SECONDS}
    )
    for event in (longest, slowest):
        answer = httpx.post(
            f"{local_stack.host}/v0/events",
            params={"name": event.DATASOURCE, "wait": "true"},
            headers={"Authorization": f"Bearer {local_stack.append_token}"},
            content=ndjson_line(event.row()),
        )
        assert answer.json() == {"successful_rows": 1, "quarantined_rows": 0}
