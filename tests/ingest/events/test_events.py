"""What may be sent: identity, type and time are strict, what describes a visit never costs it."""

import json
import math
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from analytics.geo.country_codes import folded
from analytics.ingest.events import (
    DURATION_EVENT_TYPES,
    EARLIEST,
    LATEST,
    LONGEST_DURATION_SECONDS,
    ConversationEvent,
    ConversationEventType,
    InvalidEvent,
    VisitorEvent,
    VisitorEventType,
)
from analytics.ingest.events.descriptions import MAX_CHARACTERS, MAX_PAGE_URL_CHARACTERS
from analytics.transports.tinybird_messages import ndjson_line
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
anything = (
    st.text(st.characters(), max_size=300)
    | st.none()
    | st.floats()
    | st.integers()
    | st.decimals(allow_nan=True)
    | st.booleans()
    | st.binary(max_size=20)
    | st.dates()
    | st.lists(st.text(max_size=3), max_size=3)
    | st.builds(object)
    | st.sampled_from(
        ["\ud83d", "%", "%c3", "\u00c3", "SS\u200b", "\u00df", "x" * 9_000, "e" + "\u0301" * 9_000, 10**400]
    )
)
DESCRIPTIVE = sorted(
    VisitorEvent.model_fields.keys() - {"timestamp", "website_id", "visitor_id", "event_type"}
)


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
    assert (row["latitude"], row["longitude"]) == (place or (0, 0))
    assert row["country_code"] == folded(country or "")
    assert event.changes == {}


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(DESCRIPTIVE, anything)))
def test_no_descriptive_value_of_any_kind_costs_the_event(given_values: dict[str, Any]) -> None:
    """The row is complete, within the limits, and UTF-8; no coordinate is without the other."""
    event = VisitorEvent(**VISIT, **given_values)
    row = json.loads(ndjson_line(event.row()))
    assert (row["website_id"], row["visitor_id"], row["event_type"]) == ("w1", "v1", "seen")
    assert all(len(row[field]) <= most for field, most in MAX_CHARACTERS.items())
    assert row["country_code"] == folded(row["country_code"])
    assert -90 <= row["latitude"] <= 90
    assert -180 <= row["longitude"] <= 180
    assert (event.latitude is None) == (event.longitude is None)
    assert set(event.changes) <= set(given_values)


class Device(StrEnum):
    """A product's own type for a device."""

    MOBILE = "mobile"


@pytest.mark.parametrize(
    ("given_values", "stored", "changes"),
    [
        ({"page_url": "https://x/?q=" + "é" * 10_000}, {"page_url": "https://x/?q=" + "é" * 8_179}, ["too long, cut"]),
        ({"page_url": "https://x/?q=aa" + "%C3%A9" * 2_000}, {"page_url": "https://x/?q=aa" + "%C3%A9" * 1_362}, ["too long, cut"]),
        ({"page_url": "https://x/\x00a b\n"}, {"page_url": "https://x/a b"}, []),
        ({"page_url": "\u200d" * 16_384 + "https://x/"}, {"page_url": ""}, ["too long, cut"]),
        ({"city": "\x00" * 16_380 + "Oslo"}, {"city": "Oslo"}, []),
        ({"city": " " * 100_000 + "Oslo"}, {"city": ""}, ["too long, cut"]),
        ({"country_code": " " * 16_384 + "DE"}, {"country_code": ""}, ["too long, cut"]),
        ({"browser": "x" * 230}, {"browser": "x" * 100}, ["too long, cut"]),
        ({"city": "a" * 101}, {"city": "a" * 100}, ["too long, cut"]),
        ({"city": "a" * 99 + "e\u0301"}, {"city": "a" * 99}, ["too long, cut"]),
        ({"city": "a" * 98 + "👩\u200d👧"}, {"city": "a" * 98}, ["too long, cut"]),
        ({"device_type": "d" * 51}, {"device_type": "d" * 50}, ["too long, cut"]),
        ({"device_type": Device.MOBILE}, {"device_type": "mobile"}, []),
        ({"city": "a\ud83d"}, {"city": "a"}, ["half a character, removed"]),
        ({"city": "a\ud83d\ude00"}, {"city": "a😀"}, []),
        ({"city": 7}, {"city": ""}, ["not a text, emptied"]),
        ({"browser": b"Firefox"}, {"browser": ""}, ["not a text, emptied"]),
        ({"country_code": "de"}, {"country_code": "DE"}, []),
        ({"country_code": " de\u200e"}, {"country_code": "DE"}, []),
        ({"country_code": "T1"}, {"country_code": ""}, []),
        ({"country_code": "xx"}, {"country_code": ""}, []),
        ({"country_code": "XK"}, {"country_code": "XK"}, []),
        ({"country_code": "NA"}, {"country_code": "NA", "latitude": 0}, []),
        ({"country_code": "USA"}, {"country_code": ""}, ["not a country code, emptied"]),
        ({"country_code": "ß"}, {"country_code": ""}, ["not a country code, emptied"]),
        ({"latitude": 91.0, "longitude": 0.0}, {"latitude": 0, "longitude": 0}, ["not a coordinate, emptied"]),
        ({"latitude": math.nan, "longitude": 1.0}, {"latitude": 0, "longitude": 0}, ["not a coordinate, emptied"]),
        ({"latitude": 1.0, "longitude": math.inf}, {"latitude": 0, "longitude": 0}, ["not a coordinate, emptied"]),
        ({"latitude": True, "longitude": 1.0}, {"latitude": 0, "longitude": 0}, ["not a coordinate, emptied"]),
        ({"latitude": "52.5", "longitude": "13.4"}, {"latitude": 0, "longitude": 0}, ["not a coordinate, emptied"] * 2),
        ({"latitude": 1.0}, {"latitude": 0, "longitude": 0}, ["without the other coordinate, emptied"]),
        ({"latitude": Decimal("52.5"), "longitude": 13}, {"latitude": 52.5, "longitude": 13}, []),
        ({"latitude": np.float32(52.5), "longitude": np.int64(13)}, {"latitude": 52.5, "longitude": 13}, []),
        ({"latitude": Fraction(105, 2), "longitude": np.float16(13)}, {"latitude": 52.5, "longitude": 13}, []),
        ({"latitude": np.bool_(True), "longitude": 1j}, {"latitude": 0, "longitude": 0}, ["not a coordinate, emptied"] * 2),
        ({"latitude": np.float32("nan"), "longitude": Fraction(10**400)}, {"latitude": 0, "longitude": 0}, ["not a coordinate, emptied"] * 2),
        ({"latitude": 91.0, "longitude": 0.0, "country_code": "DE", "city": "Bonn"}, {"country_code": "DE", "city": "Bonn"}, ["not a coordinate, emptied"]),
        ({"session_id": "a.b"}, {"session_id": "a.b"}, []),
        ({"session_id": "s" * 101}, {"session_id": ""}, ["not a session id, emptied"]),
        ({"session_id": "a b"}, {"session_id": ""}, ["not a session id, emptied"]),
        ({"session_id": 12}, {"session_id": ""}, ["not a text, emptied"]),
        ({"city": "S%C3%A3o%20Paulo"}, {"city": "São Paulo"}, []),
        ({"city": "S%C3%A3o+Paulo"}, {"city": "São Paulo"}, []),
        ({"city": "S\u00c3\u00a3o Paulo"}, {"city": "São Paulo"}, []),
        ({"city": "S%C3%83%C2%A3o Paulo"}, {"city": "São Paulo"}, []),
        ({"city": "Ã–rebro"}, {"city": "Örebro"}, []),
        ({"city": "Å\x81Ã³dÅº"}, {"city": "Łódź"}, []),
        ({"city": "100% City"}, {"city": "100% City"}, []),
        ({"city": "S%E3o Paulo"}, {"city": "S%E3o Paulo"}, []),
        ({"city": "%2525"}, {"city": "%25"}, []),
        ({"city": "São Paulo"}, {"city": "São Paulo"}, []),
        ({"city": "CAFÉ’S"}, {"city": "CAFÉ’S"}, []),
        ({"city": "\u200fدبي\u200e\u202a\u2067\ufeff"}, {"city": "دبي"}, []),
        ({"city": "a\u200bb\u200d\ufeff\u2060\u061c"}, {"city": "ab"}, []),
        ({"city": "می\u200cخواهم"}, {"city": "می\u200cخواهم"}, []),
        ({"city": "می\u200c\u200cخواهم"}, {"city": "میخواهم"}, []),
        ({"city": "അരൂര്\u200d\u200c\u200d"}, {"city": "അരൂര്\u200d"}, []),
        ({"city": "അരൂര്\u200d"}, {"city": "അരൂര്\u200d"}, []),
        ({"city": "New\tYork\x00 "}, {"city": "New York"}, []),
    ],
)  # fmt: skip
def test_a_descriptive_value_is_cut_or_emptied(
    given_values: dict[str, Any], stored: dict[str, Any], changes: list[str]
) -> None:
    """The rest of the event stays as it is, and what was lost is named."""
    event = VisitorEvent(**VISIT, **given_values)
    assert {field: event.row()[field] for field in stored} == stored
    assert list(event.changes.values()) == changes
    untouched = VisitorEvent(**VISIT).row()
    assert {name: value for name, value in event.row().items() if name not in given_values} == {
        name: value for name, value in untouched.items() if name not in given_values
    }


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
        ("visitor_id", "\ud800", "1 to 100 letters"),
        ("event_type", "ping", "'seen' or 'page_view'"),
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
    import httpx2

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
        device_type="é" * 50,
        browser="😀" * 100,
        page_url="😀" * MAX_PAGE_URL_CHARACTERS,
    )
    slowest = ConversationEvent(
        **{**TALK, "website_id": stored.website_id, "duration_seconds": LONGEST_DURATION_SECONDS}
    )
    for event in (longest, slowest):
        answer = httpx2.post(
            f"{local_stack.host}/v0/events",
            params={"name": event.DATASOURCE, "wait": "true"},
            headers={"Authorization": f"Bearer {local_stack.append_token}"},
            content=ndjson_line(event.row()),
        )
        assert answer.json() == {"successful_rows": 1, "quarantined_rows": 0}
