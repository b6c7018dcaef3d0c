"""What travels: parameters, batches of events, answers in every wrong shape."""

import json
from datetime import UTC, datetime

import pytest

from analytics.errors import SchemaMismatch, SourceUnavailable
from analytics.transports.tinybird_messages import (
    MAX_REQUEST_BYTES,
    Json,
    error_text,
    json_object,
    ndjson_batches,
    pipe_answer,
    query_text,
    refusal,
    row_count,
)

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)


def test_a_parameter_that_is_none_is_left_out() -> None:
    """An empty string would make `defined(x)` true; an empty string given on purpose stays."""
    assert query_text({"a": None, "b": "", "c": 0, "d": True, "e": 1.5, "f": ["x", "y"]}) == {
        "b": "",
        "c": "0",
        "d": "1",
        "e": "1.5",
        "f": "x,y",
    }


def test_events_are_one_line_each() -> None:
    """A line break inside a value stays inside its line."""
    (body,) = ndjson_batches([{"page_url": "a\nb"}, {"city": "Zürich"}])
    assert [json.loads(line) for line in body.splitlines()] == [{"page_url": "a\nb"}, {"city": "Zürich"}]
    assert list(ndjson_batches([])) == []


def test_a_large_batch_becomes_several_requests() -> None:
    """No body is larger than a request may be, no row is lost, and their order stays."""
    rows: list[dict[str, Json]] = [{"n": n, "page_url": "x" * 1_000_000} for n in range(25)]
    bodies = list(ndjson_batches(rows))
    assert len(bodies) == 3
    assert all(len(body) <= MAX_REQUEST_BYTES for body in bodies)
    assert [json.loads(line)["n"] for body in bodies for line in body.splitlines()] == list(range(25))


def test_a_row_may_fill_a_request_to_the_byte() -> None:
    """Exactly the limit passes; one byte more is refused before anything is sent."""
    frame = len(b'{"a":""}\n')
    (body,) = ndjson_batches([{"a": "x" * (MAX_REQUEST_BYTES - frame)}])
    assert len(body) == MAX_REQUEST_BYTES
    with pytest.raises(ValueError, match="larger than a request"):
        list(ndjson_batches([{"a": "x" * (MAX_REQUEST_BYTES - frame + 1)}]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_know_is_refused(value: float) -> None:
    """NaN would arrive as text or break the batch."""
    with pytest.raises(ValueError, match="JSON"):
        list(ndjson_batches([{"duration_seconds": value}]))


def test_nan_and_infinity_in_an_answer_are_none() -> None:
    """Some engines write them bare; "not observable" is None here."""
    assert json_object(b'{"a": NaN, "b": [Infinity, -Infinity], "c": 1}', "p") == {
        "a": None,
        "b": [None, None],
        "c": 1,
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[1]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "HTML", "array", "text", "null", "not UTF-8", "deep"],
)
def test_what_is_no_json_object_is_a_mismatch(content: bytes) -> None:
    """Never an empty answer."""
    with pytest.raises(SchemaMismatch) as caught:
        json_object(content, "inbox_analytics")
    assert caught.value.resource == "inbox_analytics"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": []},
        {"data": None, "meta": []},
        {"data": {}, "meta": []},
        {"data": [1], "meta": []},
        {"data": [], "meta": None},
        {"data": [], "meta": [{"name": "a"}]},
        {"data": [], "meta": ["a"]},
        {"data": [], "meta": [{"name": 1, "type": "String"}]},
    ],
    ids=str,
)
def test_a_pipe_answer_without_rows_and_columns_is_a_mismatch(answer: dict[str, object]) -> None:
    """Both keys, in the right shape, or an error."""
    with pytest.raises(SchemaMismatch):
        pipe_answer(answer, "inbox_analytics", AT, {})


def test_a_pipe_answer_is_taken_apart() -> None:
    """Rows and columns, and when they were read; the rest is ignored."""
    meta = [{"name": "n", "type": "UInt64"}]
    answer = pipe_answer({"data": [{"n": 1}], "meta": meta, "statistics": {"elapsed": 0.5}}, "p", AT, {})
    assert (answer.rows, answer.meta, answer.read_at) == ([{"n": 1}], meta, AT)


@pytest.mark.parametrize("answer", [{}, {"successful_rows": None}, {"successful_rows": "two"}], ids=str)
def test_a_count_that_is_not_there_is_a_mismatch(answer: dict[str, object]) -> None:
    """Zero rows and "did not say" are different things."""
    with pytest.raises(SchemaMismatch):
        row_count(answer, "successful_rows", "visitor_events")


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b'{"error": "no"}', "no"), (b'{"error": 5}', ""), (b"[]", ""), (b"<html>", ""), (b"", "")],
)
def test_a_refusal_says_what_it_says(content: bytes, expected: str) -> None:
    """Its text, or nothing; never a second failure."""
    assert error_text(content) == expected


@pytest.mark.parametrize("status", [301, 400, 401, 404, 408, 413, 418, 429, 500])
def test_a_refusal_says_what_to_do_and_keeps_the_rest_to_itself(status: int) -> None:
    """Message and remedy are for people; pipe, status and what Tinybird said are attributes."""
    error = refusal("inbox_analytics", status, "no column x", "TINYBIRD_READ_TOKEN", 2.0)
    assert error.remedy
    assert "inbox_analytics" not in str(error)
    assert "column x" not in str(error)
    assert (error.resource, error.status, error.said) == ("inbox_analytics", status, "no column x")
    assert isinstance(error, SourceUnavailable) == (status in {429, 500})
    if isinstance(error, SourceUnavailable):
        assert error.retry_after_seconds == 2.0
