"""Errors of ClickHouse: the client's or the server's fault, and the text a client may see."""

import logging

import pytest

from analytics.local.tinybird.storage.query_error import QueryError


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        (
            "Code: 47. DB::Exception: Unknown expression identifier `x` (UNKNOWN_IDENTIFIER) (version 26.1.2)",
            400,
            "Unknown expression identifier `x` (UNKNOWN_IDENTIFIER)",
        ),
        ("Code: 6. DB::Exception: Cannot parse 'a' (CANNOT_PARSE_TEXT)", 400, "Cannot parse 'a' (CANNOT_PARSE_TEXT)"),
        ("Code: 396. DB::Exception: Limit (TOO_MANY_ROWS_OR_BYTES)", 400, "Limit (TOO_MANY_ROWS_OR_BYTES)"),
        (
            "Code: 43. DB::Exception: Illegal type: In scope SELECT '/v (CANNOT_OPEN_FILE)' (ILLEGAL_TYPE_OF_ARGUMENT)",
            400,
            "Illegal type: In scope SELECT '/v (CANNOT_OPEN_FILE)' (ILLEGAL_TYPE_OF_ARGUMENT)",
        ),
        ("Code: 62. DB::Exception: Syntax error: failed at (", 400, "Syntax error: failed at ("),
        ("Code: 159. DB::Exception: Timeout exceeded (TIMEOUT_EXCEEDED)", 408, "Timeout exceeded (TIMEOUT_EXCEEDED)"),
        (
            "Code: 241. DB::Exception: Query memory limit exceeded (MEMORY_LIMIT_EXCEEDED)",
            400,
            "Query memory limit exceeded (MEMORY_LIMIT_EXCEEDED)",
        ),
        ("Code: 241. DB::Exception: (total) memory limit exceeded: /srv/data/x (MEMORY_LIMIT_EXCEEDED)", 500, None),
        (
            "Code: 76. DB::ErrnoException: Cannot open file /srv/data/store/a.bin: , errno: 2, strerror: No such file or "
            "directory (CANNOT_OPEN_FILE)",
            500,
            None,
        ),
        ("Code: 226. DB::Exception: No file /srv/data/x in part (NO_FILE_IN_DATA_PART)", 500, None),
        ("Code: 33. DB::Exception: /srv/data/x (BAD_SIZE_OF_FILE_IN_DATA_PART)", 500, None),
        ("Code: 49. DB::Exception: Logical error in /srv/data/x (LOGICAL_ERROR)", 500, None),
        ("Code: 999. DB::Exception: /srv/data/x (AN_ERROR_OF_TOMORROW)", 500, None),
        ("std::exception in /srv/data/x", 500, None),
        ("", 500, None),
    ],
)  # fmt: skip  # one case a line where it fits
def test_what_another_query_fixes_is_explained_and_what_the_server_broke_is_not(
    text: str, status: int, message: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """400 and 408 in ClickHouse's words; 500 names the error alone, and the log has the rest."""
    with caplog.at_level(logging.ERROR):
        error = QueryError.wrap(RuntimeError(text))
    assert error.status == status
    if message is None:
        assert "/srv" not in str(error)
        assert "log" in str(error)
        assert text in caplog.text
    else:
        assert str(error) == message
        assert caplog.text == ""


@pytest.mark.parametrize(
    ("message", "arguments", "shown"),
    [
        ("Bad 7: In scope SELECT 7 FROM secret", {"a": "7", "b": "8"}, "Error validating the value of parameter 'a': Bad 7"),
        ("Bad x: while executing 'FUNCTION f(secret)' (ILLEGAL_COLUMN)", {}, "Bad x (ILLEGAL_COLUMN)"),
        ("No time zone w in scope SELECT secret", {"website_id": "w", "timezone": "w"}, "Error validating the value of parameter 'timezone': No time zone w"),
        ("Bad 77", {"a": "7", "b": "", "c": "7" * 3_000_000}, "Bad 77"),
    ],
)  # fmt: skip  # one case a line
def test_an_error_shown_to_a_client_has_no_sql_and_names_the_parameter(
    message: str, arguments: dict[str, str], shown: str
) -> None:
    """What ClickHouse quotes is cut off; the parameter is the one whose whole value the rest repeats."""
    assert str(QueryError(message, 36, 400).without_query(arguments)) == shown
