"""A website of one test: its own id, events written as short tuples, pipes asked over HTTP.

Speaks to the local server directly, so that a test sees status codes and messages as any client does.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypedDict, Unpack

import httpx2

from analytics.scope import clock
from analytics.scope.clock import Bucket
from analytics.scope.periods import Period
from analytics.sources import Buckets

Row = dict[str, Any]
Event = tuple[str, str, str] | tuple[str, str, str, float]
"""When (UTC), what, which conversation, and the duration in seconds where the event has one."""


class Stack(Protocol):
    """What is needed of the running local stack."""

    host: str
    read_token: str
    append_token: str
    database_url: str


class Place(TypedDict):
    """Where a visitor is."""

    city: str
    country_code: str
    latitude: float
    longitude: float


class Columns(TypedDict, total=False):
    """The optional columns of a visitor event."""

    city: str
    country_code: str
    latitude: float
    longitude: float
    device_type: str
    browser: str
    page_url: str


PARIS: Final[Place] = {"city": "Paris", "country_code": "FR", "latitude": 48.85, "longitude": 2.35}
LYON: Final[Place] = {"city": "Lyon", "country_code": "FR", "latitude": 45.76, "longitude": 4.84}


@dataclass(frozen=True, slots=True)
class LocalWebsite:
    """One website on the local server; no other test writes to its id."""

    id: str
    client: httpx2.Client
    read_token: str
    append_token: str

    def conversations(self, *events: Event) -> None:
        """Sends conversation events; fails when one is quarantined."""
        rows = [
            {
                "timestamp": event[0],
                "website_id": self.id,
                "visitor_id": "visitor",
                "event_type": event[1],
                "conversation_id": event[2],
                "duration_seconds": event[3] if len(event) == 4 else 0,
            }
            for event in events
        ]
        assert self.quarantined("conversation_metrics", *rows) == 0

    def visit(
        self, visitor: str, at: datetime, event_type: str = "seen", **columns: Unpack[Columns]
    ) -> datetime:
        """Sends one visitor event with nothing but the required columns and `columns`; returns its time."""
        self.visits({"visitor_id": visitor, "timestamp": stamp(at), "event_type": event_type, **columns})
        return at.replace(microsecond=0)

    def visits(self, *rows: Row) -> None:
        """Sends visitor events; fails when one is quarantined."""
        assert self.quarantined("visitor_events", *({"website_id": self.id, **row} for row in rows)) == 0

    def ask(self, pipe: str, **parameters: str | int) -> list[Row]:
        """The rows of a pipe for this website."""
        answer = self.request(pipe, website_id=self.id, **parameters)
        assert answer.status_code == 200, answer.text
        rows: list[Row] = answer.json()["data"]
        return rows

    def csv(self, pipe: str, **parameters: str | int) -> list[str]:
        """The same rows as lines of CSV, where NaN could not hide behind JSON's null."""
        answer = self.client.get(
            f"/v0/pipes/{pipe}.csv",
            params={"website_id": self.id, **parameters},
            headers=_bearer(self.read_token),
        )
        assert answer.status_code == 200, answer.text
        return answer.text.splitlines()

    def refusal(self, pipe: str, **parameters: str | int) -> str:
        """The message of a pipe that answers 400."""
        answer = self.request(pipe, **{"website_id": self.id, **parameters})
        assert answer.status_code == 400, f"{answer.status_code} {answer.text}"
        message: str = answer.json()["error"]
        return message

    def request(self, pipe: str, **parameters: str | int) -> httpx2.Response:
        """Whatever a pipe answers; no parameter is added."""
        return self.client.get(f"/v0/pipes/{pipe}.json", params=parameters, headers=_bearer(self.read_token))

    def quarantined(self, datasource: str, *rows: Row) -> int:
        """Sends rows as they are; returns how many of them were quarantined."""
        answer = self.client.post(
            "/v0/events",
            params={"name": datasource, "wait": "true"},
            content="\n".join(json.dumps(row) for row in rows),
            headers=_bearer(self.append_token),
        )
        assert answer.status_code == 200, answer.text
        counts = answer.json()
        assert counts["successful_rows"] + counts["quarantined_rows"] == len(rows)
        return int(counts["quarantined_rows"])


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def with_buckets(bucket: Bucket, timezone: str = "UTC", **period: str) -> dict[str, str]:
    """The parameters of a period, and where the local hours, days or weeks of it and of the one before start."""
    first, last = (_instant(period[name]) for name in ("date_from", "date_to"))
    before = period.get("prev_date_from"), period.get("prev_date_to")
    starts, ends = (
        (_instant(before[0] or ""), _instant(before[1] or ""))
        if before[0]
        else (first - (last - first), first)
    )
    zone = clock.parse_timezone(timezone)
    buckets = Buckets.of(bucket, Period(first, last, zone), Period(starts, ends, zone)).params()
    return {**period, **{name: value for name, value in buckets.items() if value is not None}}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """An instant as pipes and events take it.

    >>> stamp(datetime(2026, 11, 1, 0, 30, tzinfo=UTC))
    '2026-11-01 00:30:00'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def ago(**duration: float) -> datetime:
    """The instant so long before now, in whole seconds, UTC."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**duration)


def dice(seed: int) -> random.Random:
    """Numbers that look random and are the same in every run."""
    return random.Random(seed)  # noqa: S311 - test data, no secret
