"""Errors of ClickHouse: their text, HTTP status, and whether the client or the server is at fault.

ClickHouse has a thousand errors; those that another query would fix are known by their names, everything else is the
server's own failure. Of such a failure only the name leaves this process, because its message may name local files.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Final

_LOG = logging.getLogger(__name__)

_CODE: Final = re.compile(r"Code: (\d+)\. (?:DB::(?:\w*)Exception: )?")
_NAME: Final = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_VERSION: Final = re.compile(r"\s*\(version [\d.]+\)")
_TIMEOUTS: Final = {159, 160}
_MEMORY: Final = 241
_SYNTAX: Final = 62
_LONGEST: Final = 2_000

_QUOTES_QUERY: Final = re.compile(r"[\s:.,]*\b(?:in scope|in query|while \w+|\(in file/uri)\b", re.IGNORECASE)
_CLIENTS: Final = re.compile(
    r"(?!\w*(?:DATA_PART|FILE|DISK))(?:SYNTAX_ERROR|TYPE_MISMATCH|READONLY|NOT_IMPLEMENTED|LIMIT_EXCEEDED|DECIMAL_OVERFLOW|DIVISION_BY_ZERO"
    r"|NOT_AN_AGGREGATE|NO_COMMON_TYPE|THERE_IS_NO_COLUMN|NO_SUCH_COLUMN_IN_TABLE|NOT_FOUND_COLUMN_IN_BLOCK"
    r"|UNION_ALL_\w+|ALIAS_REQUIRED|CYCLIC_ALIASES|INFINITE_LOOP|SETTING_CONSTRAINT_VIOLATION|ATTEMPT_TO_READ_AFTER_EOF"
    r"|UNKNOWN_(?:IDENTIFIER|TABLE|DATABASE|FUNCTION|AGGREGATE_FUNCTION|TYPE|FORMAT|SETTING|QUERY_PARAMETER|ELEMENT_\w+"
    r"|COMBINATOR|COLLATION)"
    r"|ILLEGAL_\w+|BAD_\w+|AMBIGUOUS_\w+|DUPLICATE_\w+|MULTIPLE_\w+|NUMBER_OF_\w+|SIZES_OF_\w+|INVALID_\w+|INCORRECT_\w+"
    r"|EXPECTED_\w+|EMPTY_\w+|UNEXPECTED_(?:AST_STRUCTURE|EXPRESSION|DATA_AFTER_PARSED_VALUE)|UNSUPPORTED_\w+"
    r"|FUNCTION_\w+|\w*ACCESS_DENIED|SUPPORT_IS_DISABLED|\w+_IS_TOO_LARGE|\w+_OUT_OF_(?:BOUND|RANGE)\w*"
    r"|VALUE_IS_OUT_OF_\w+|SET_SIZE_LIMIT_EXCEEDED|CANNOT_(?:PARSE|CONVERT|COMPILE|INSERT_NULL|EXTRACT|FORMAT)_\w+"
    r"|TOO_(?:LARGE|DEEP|BIG|SLOW|FEW|LESS|MUCH)\w*"
    r"|TOO_MANY_(?:ROWS|BYTES|ROWS_OR_BYTES|COLUMNS|TEMPORARY_\w+|ARGUMENTS\w*|QUERY_\w+))"
)
"""Names of the errors that are in what the client sent: its SQL, its parameters, its rows."""


class QueryError(Exception):
    """ClickHouse refused a query or could not finish it.

    Attributes:
        code: ClickHouse's error code; 0 when it gave none.
        status: The HTTP status that fits: 408 out of time, 400 what another query would fix, 500 everything else.
    """

    def __init__(self, message: str, code: int = 0, status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    @classmethod
    def wrap(cls, error: Exception) -> QueryError:
        """The error in ClickHouse's words without its version and nested prefixes; a failure of its own is logged.

        >>> QueryError.wrap(RuntimeError("Code: 62. DB::Exception: Syntax error (SYNTAX_ERROR)")).status
        400
        """
        text = str(error)
        codes, names = _CODE.findall(text), _NAME.findall(text)
        code, name = int(codes[-1]) if codes else 0, names[-1] if names else ""
        status = _status(code, name, text)
        if status == 500:
            _LOG.error("ClickHouse failed: %s", text)
            what = f" ({name}, code {code})" if name else ""
            return cls(f"ClickHouse failed{what}: the log of the server says why", code, status)
        message = _VERSION.sub("", _CODE.sub("", text)).strip()
        return cls(message[:_LONGEST], code, status)

    def without_query(self, arguments: Mapping[str, str]) -> QueryError:
        """The same error without the SQL that ClickHouse quotes, and with the parameter whose value is at fault.

        >>> error = QueryError("Cannot load time zone Mars/X: In scope SELECT 1", 36, 400)
        >>> str(error.without_query({"timezone": "Mars/X"}))
        "Error validating the value of parameter 'timezone': Cannot load time zone Mars/X"
        """
        message = str(self)
        quote = _QUOTES_QUERY.search(message)
        if quote:
            names = _NAME.findall(message)
            message = message[: quote.start()] + (f" ({names[-1]})" if names else "")
        named = [name for name, value in arguments.items() if _stands_in(value, message)]
        if self.status == 400 and named:
            spoken = message.replace(" ", "").lower()  # of two equal values, the one that is spoken of
            name = max(named, key=lambda name: (len(arguments[name]), name.replace("_", "") in spoken))
            message = f"Error validating the value of parameter '{name}': {message}"
        return QueryError(message, self.code, self.status)


def _stands_in(value: str, message: str) -> bool:
    value = value.strip()
    if not 0 < len(value) <= len(message):
        return False
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", message) is not None


def _status(code: int, name: str, text: str) -> int:
    if code in _TIMEOUTS:
        return 408
    if (
        code == _MEMORY
    ):  # a query past its own limit can be made smaller; when the whole server is full, it cannot
        return 500 if "(total)" in text else 400
    # The message of a syntax error quotes the statement and ends, before its name, at a NUL in that.
    return 400 if code == _SYNTAX or (code and _CLIENTS.fullmatch(name)) else 500
