"""Numbers of a server: what cannot be one is as if it had not been sent, at every place that uses one."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import httpx2
import pytest

from analytics import schemas, sources
from analytics.errors import SchemaMismatch, SourceError, SourceRejected, SourceUnavailable
from analytics.ingest.deletes import deletion
from analytics.numbers import LARGEST, in_words, measure, whole_number
from analytics.operations.doctor import flow
from analytics.schemas.schema import Column, Dtype, pipe
from analytics.sources import Bounds
from analytics.transports.tinybird import READ_SECONDS, Tinybird
from analytics.transports.tinybird_messages import (
    LARGEST_SKEW_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    ahead_seconds,
    ingested,
    retry_after_seconds,
)

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
HUGE = 10**400
NO_NUMBERS = [
    *(True, "", " ", "5 ", "1_000", "0x10", "٥", "５", "²", "nan", "inf", "1,5", "1e99999", "9" * 5000),
    *(float("nan"), float("inf"), float("-inf"), HUGE, -HUGE, LARGEST + 1, Decimal("NaN")),
    *([], {}, [1]),
]
"""Neither a count nor a measure."""

NO_COUNTS = [*NO_NUMBERS, str(LARGEST + 1), -1, "-1", 1.5, "1.5", "1e3", Decimal("1.5"), "+5"]


@pytest.mark.parametrize("value", [None, *NO_COUNTS], ids=lambda value: repr(value)[:20])
def test_what_is_no_count(value: object) -> None:
    """Neither raises nor is taken for one."""
    assert whole_number(value) is None


@pytest.mark.parametrize("value", [0, 7, "7", LARGEST, str(LARGEST), "007", Decimal(7)], ids=repr)
def test_a_count(value: object) -> None:
    """Also as text, which is how engines write 64-bit numbers."""
    assert whole_number(value) == int(str(value))


@pytest.mark.parametrize("value", [None, *NO_NUMBERS], ids=lambda value: repr(value)[:20])
def test_what_is_no_measure(value: object) -> None:
    """Neither raises nor is taken for one."""
    assert measure(value) is None


@pytest.mark.parametrize(
    "value", [0, -1, 1.5, "1.5", "-1e3", "1.", Decimal("1.5"), -LARGEST, 5e-324], ids=repr
)
def test_a_measure(value: object) -> None:
    """Finite, of either sign."""
    assert measure(value) == float(str(value))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        *((None, None), ("", None), ("soon", None), ("nan", None), ("inf", None), ("-inf", None)),
        *(
            ("0", 1.0),
            ("0.001", 1.0),
            ("1.5", 1.5),
            (" 7 ", 7.0),
            ("-3", None),
            ("1.5, 2", None),
            ("1_000", None),
        ),
        *(("٥", None), ("５", None), ("²", None), ("0x10", None), ("1e12", None), ("1e309", None)),
        *(("300", 300.0), ("301", 300.0), ("999999", 300.0), ("9" * 5000, 300.0)),
        ("Tue, 10 Nov 2026 12:00:07 GMT", 7.0),
        ("Tue, 10 Nov 2026 12:00:07", 7.0),
        ("Tue, 10 Nov 2026 11:59:00 GMT", 1.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 300.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 300.0),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 1.0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2099 07:28:00 +9999", None),
        ("Wed, 99999999999999999999 Oct 2099 07:28:00 GMT", None),
        ("Wed, 21 Oct 2099 07:28:00 +99999999999999", None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_retry_after(header: str | None, expected: float | None) -> None:
    """Seconds or a date, never without a pause, never long; anything else asks for nothing."""
    assert retry_after_seconds(header, AT) == expected


@pytest.mark.parametrize(
    "header",
    [
        *("", "soon", "٥", "Wed, 21 Oct 99999 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
        *("Mon, 01 Jan 0001 00:00:00 GMT", "Wed, 99999999999999999999 Oct 2026 07:28:00 GMT"),
    ],
)
def test_a_date_that_says_nothing_of_a_clock(header: str) -> None:
    """Not readable, or thousands of years away: as if there was none."""
    assert ahead_seconds(header, AT, AT) is None
    assert LARGEST_SKEW_SECONDS < 11 * 366 * 86_400


def test_how_long_in_words() -> None:
    """Rounded up, in a unit that fits; singular where it is one."""
    said = [in_words(seconds) for seconds in (0.0, 0.25, 1, 9.94, 10.2, 60, 119.5, 120, 121, 300)]
    assert said == [
        *("0 seconds", "0.2 seconds", "1 second", "9.9 seconds", "11 seconds"),
        *("60 seconds", "2 minutes", "2 minutes", "3 minutes", "5 minutes"),
    ]


def answering(answer: object, headers: dict[str, str] | None = None, status: int = 200) -> Tinybird:
    """A client of a server that gives one answer to everything."""

    def respond(_request: httpx2.Request) -> httpx2.Response:
        encoded = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        return httpx2.Response(status, content=json.dumps(answer).encode(), headers=encoded)

    slept: list[float] = []
    client = Tinybird(
        "https://api.example.com",
        *("read", "append", "admin"),
        transport=httpx2.MockTransport(respond),
        sleep=slept.append,
    )
    client.slept = slept  # type: ignore[attr-defined]
    return client


def rows(**row: object) -> dict[str, object]:
    """An answer of one row."""
    return {"meta": [{"name": name, "type": "UInt64"} for name in row], "data": [row]}


JSON_NO_COUNTS = [value for value in NO_COUNTS if not isinstance(value, Decimal)]


@pytest.mark.parametrize("value", JSON_NO_COUNTS, ids=lambda value: repr(value)[:20])
def test_every_count_in_an_answer_is_checked(value: object) -> None:
    """Rows sent, rows set aside, rows held, events seen: an error that says what is wrong, never a traceback."""
    for counts in (
        {"successful_rows": value, "quarantined_rows": 0},
        {"successful_rows": 0, "quarantined_rows": value},
    ):
        with pytest.raises(SchemaMismatch):
            ingested(json.dumps(counts).encode(), "visitor_events")
    with answering(rows(website_id="w", rows_held=value)) as tinybird:
        with pytest.raises(SchemaMismatch):
            deletion.count_rows(tinybird, "visitor_events", deletion.condition_of("w"))
        with pytest.raises(SchemaMismatch):
            deletion.rows_by_website(tinybird, "visitor_events")
    with answering({"status": "done", "rows_affected": value}) as tinybird:
        assert deletion.job(tinybird, "visitor_events", "j1").rows is None
    for events, ahead in ((value, 0), (1, value)):
        row = rows(event_type="seen", newest="2026-11-10 12:00:00", events=events, ahead=ahead)
        with answering(row) as tinybird:
            [finding] = flow.events(tinybird, None, may_query=True)
            assert finding.level == "problem"


@pytest.mark.parametrize("newest", ["", "soon", "99999-01-01 00:00:00", 10**30, None, []], ids=repr)
def test_a_newest_event_without_a_time_is_a_finding(newest: object) -> None:
    """Of `doctor`, which goes on."""
    with answering(rows(event_type="seen", newest=newest, events=1, ahead=0)) as tinybird:
        [finding] = flow.events(tinybird, None, may_query=True)
    assert finding.level == "problem"


@pytest.mark.parametrize("dtype", ["int", "float"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
def test_every_number_of_a_pipe_or_query_is_checked(dtype: Dtype, value: object) -> None:
    """Also where nothing is a possible answer."""
    for is_nullable in (True, False):
        schema = pipe("made_up", Column("n", dtype, "made up", is_nullable=is_nullable))
        with pytest.raises(SchemaMismatch, match="n is not of type"):
            schema.frame(["n"], [{"n": 1}, {"n": value}])


@pytest.mark.parametrize(
    "value",
    [
        *(5, 5.5, True, HUGE, float("nan"), "", "now", "today", "5", "2026", "٢٠٢٦-١١-١٠", "2026-13-01", []),
        *("99999-01-01", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "2026-11-10T12:00:00+99:00"),
        *(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_every_time_of_a_pipe_or_query_is_checked(value: object) -> None:
    """One that cannot be shown in every timezone is none."""
    for is_nullable in (True, False):
        schema = pipe("made_up", Column("at", "datetime", "made up", is_nullable=is_nullable))
        with pytest.raises(SchemaMismatch, match="at is not of type datetime"):
            schema.frame(["at"], [{"at": "2026-11-10 12:00:00"}, {"at": value}])


@pytest.mark.parametrize("value", [-1, "-1", 1.5])
def test_a_count_of_a_pipe_or_query_is_never_negative(value: object) -> None:
    """Nor half of one."""
    with pytest.raises(SchemaMismatch, match="n is not of type int"):
        pipe("made_up", Column("n", "int", "made up")).frame(["n"], [{"n": value}])


PARTS = [
    ("ai_resolved", "resolved"),
    ("started_responded", "started"),
    ("started_resolved", "started"),
    ("started_ai_resolved", "started_resolved"),
    ("responded_ai_resolved", "responded"),
]


@pytest.mark.parametrize("period", ["current", "previous"])
@pytest.mark.parametrize(("part", "whole"), PARTS)
def test_a_part_is_never_larger_than_its_whole(part: str, whole: str, period: str) -> None:
    """No share is beyond 100 %, whatever a server sends: in either period."""
    schema = schemas.INBOX_ANALYTICS
    values: dict[str, object] = {"int": 5, "datetime": "2026-11-01 00:00:00"}
    counts = {column.name: values.get(column.dtype) for column in schema.columns}
    both = [{**counts, "period": name} for name in ("current", "previous")]
    meta = [{"name": column.name, "type": "UInt64"} for column in schema.columns]
    bounds = Bounds(*["2026-11-01 00:00:00"] * 4)
    with answering({"meta": meta, "data": both}) as tinybird:
        assert sources.inbox_analytics(tinybird, "w", bounds).value.current.started == 5
    for row in both:
        row[part] = 6 if row["period"] == period else 5
    answer, refused = answering({"meta": meta, "data": both}), f"{part} is larger than"
    with answer as tinybird, pytest.raises(SchemaMismatch, match=refused):
        sources.inbox_analytics(tinybird, "w", bounds)


@pytest.mark.parametrize(
    "header",
    ["999999", "1e12", "-5", "nan", "Wed, 21 Oct 2099 07:28:00 GMT", "\u0665"],
)
def test_a_retry_after_never_makes_a_read_wait_for_long(header: str) -> None:
    """What is within the bound of a read is waited, and no more; the error says how long the server asked for."""
    with answering({}, {"Retry-After": header}, 429) as tinybird:
        with pytest.raises(SourceUnavailable) as raised:
            tinybird.query_pipe("made_up", {})
        assert sum(tinybird.slept) <= READ_SECONDS  # type: ignore[attr-defined]
    asked = raised.value.retry_after_seconds
    assert asked is None or asked == LONGEST_RETRY_AFTER_SECONDS
    assert raised.value.remedy == f"Try again in {'a moment' if asked is None else '5 minutes'}."


class Raw:
    """A server that sends the same bytes to every client, and closes."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(self._sent)

    def close(self) -> None:
        """Stops listening."""
        self._listener.close()


@pytest.fixture
def raw(request: pytest.FixtureRequest) -> Iterator[Raw]:
    """A server of the bytes in the parameter."""
    server = Raw(request.param)
    yield server
    server.close()


def http(length: bytes, status: bytes = b"200") -> bytes:
    """An answer with a `Content-Length` and a body of two bytes."""
    return b"HTTP/1.1 " + status + b" OK\r\nContent-Length: " + length + b"\r\n\r\n{}"


@pytest.mark.parametrize(
    "raw",
    [
        *(http(b"-1"), http(b"99999999999999999999999999"), http(b"1e3"), http(b"0x2"), http(b"\xd9\xa5")),
        *(
            http(b"3"),
            http(b"999999999999"),
            http(b"2", b"-1"),
            http(b"2", b"99999"),
            http(b"2", b"\xd9\xa5"),
        ),
    ],
    indirect=True,
    ids=repr,
)
def test_a_length_or_status_that_is_none_is_an_error_of_ours(raw: Raw) -> None:
    """Whatever httpx2 makes of it."""
    client = Tinybird(raw.host, "read", sleep=lambda _: None, read_seconds=1.0)
    with client, pytest.raises(SourceError) as raised:
        client.query_pipe("made_up", {})
    assert not isinstance(raised.value, SourceRejected)
