"""Deleting rows from one data source: count them, start the job, ask how far it is.

Owns the conditions: a website's rows, or those of some of its visitors and conversations. An id is a value and never SQL:
one that has anything but letters, digits, - and _ is refused before a request is made. Knows nothing of order, repetition or receipts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal, NamedTuple, NewType

from analytics.errors import AnalyticsError, SourceError
from analytics.numbers import whole_number
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Row, mismatch

DATASOURCES: Final = ("conversation_metrics", "visitor_events")
"""Every data source that holds rows of a website; the pipes keep none."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_NAME = re.compile(r"[a-z_]{1,100}", re.ASCII)
_BUSY_STATUSES: Final = frozenset({400, 403, 409, 422})
_BUSY: Final = re.compile(
    r"\bjobs?\b.*\b(running|progress|already|concurrent|at a time|pending)\b", re.IGNORECASE
)
_UNFINISHED: Final = frozenset({"waiting", "working", "cancelling"})


Condition = NewType("Condition", str)
"""SQL that holds for the rows to delete; made here alone, of checked ids."""

Column = Literal["website_id", "visitor_id", "conversation_id"]
COLUMNS: Final[tuple[Column, ...]] = ("website_id", "visitor_id", "conversation_id")


class RowsOf(NamedTuple):
    """Selects the rows of one website, or of one visitor or conversation of it.

    Attributes:
        website_id: Whose; rows of another website are never meant.
        id: The website's, visitor's or conversation's.
    """

    website_id: str
    column: Column
    id: str


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """State of a delete job.

    Attributes:
        status: working (or waiting to) | done | failed.
        rows: How many rows went; None when the job does not say.
        error: Why it failed, as Tinybird says it, scrubbed; empty unless it failed.
    """

    status: Literal["working", "done", "failed"]
    rows: int | None
    error: str


def is_id(text: str) -> bool:
    """Whether a text can be the id of a website, visitor or conversation: 1 to 100 letters, digits, - and _.

    >>> is_id("01JC3V-a_b"), is_id("w1' OR 1=1 --"), is_id("")
    (True, False, False)
    """
    return _ID.fullmatch(text) is not None


def condition_of(website_id: str) -> Condition:
    """Makes the condition that holds for a website's rows.

    >>> condition_of("01JC3V-a_b")
    "website_id = '01JC3V-a_b'"

    Raises:
        ValueError: The id is not an id, and would have become part of the condition.
    """
    if not is_id(website_id):
        raise ValueError("A website id has letters, digits, - and _ only, 1 to 100 of them.")
    return Condition(f"website_id = '{website_id}'")


def condition_of_all(rows: Iterable[RowsOf]) -> Condition:
    """Makes the condition that holds for all of these rows and for no others.

    >>> condition_of_all([RowsOf("w1", "visitor_id", "v2"), RowsOf("w1", "visitor_id", "v1"), RowsOf("w2", "website_id", "w2")])
    "(website_id = 'w1' AND visitor_id IN ('v1', 'v2')) OR (website_id = 'w2')"

    Raises:
        ValueError: There are none, or an id is not one, and would have become part of the condition.
    """
    parts = []
    for (website_id, column), some in groupby(sorted(set(rows)), key=lambda each: each[:2]):
        ids = [each.id for each in some]
        if column not in COLUMNS or not all(map(is_id, ids)):
            raise ValueError("An id has letters, digits, - and _ only, 1 to 100 of them.")
        website = condition_of(website_id)
        listed = ", ".join(f"'{each}'" for each in ids)
        parts.append(f"({website})" if column == "website_id" else f"({website} AND {column} IN ({listed}))")
    if not parts:
        raise ValueError("Without an id the condition would hold for every row.")
    return Condition(" OR ".join(parts))


def held_of(tinybird: Tinybird, datasource: str, rows: Iterable[RowsOf]) -> set[RowsOf]:
    """Finds those of which a data source holds a row.

    Raises:
        ValueError: As for `condition_of_all`; nothing was sent.
        ConfigError: There is no admin token.
        SourceError: As `Tinybird.query_sql`.

    Source: the data source, by SQL.
    """
    held: set[RowsOf] = set()
    ordered = sorted(rows, key=lambda each: each.column)
    for column, some in groupby(ordered, key=lambda each: each.column):
        condition = condition_of_all(some)
        statement = f"SELECT DISTINCT website_id, {column} AS id FROM {_name(datasource)} WHERE {condition}"  # noqa: S608  # checked
        for row in tinybird.query_sql(datasource, statement).rows:
            try:
                held.add(RowsOf(str(row["website_id"]), column, str(row["id"])))
            except KeyError:
                raise mismatch(datasource, "it does not name the rows that it holds") from None
    return held


def count_rows(tinybird: Tinybird, datasource: str, condition: Condition) -> int:
    """Counts the rows of a data source that a condition holds for.

    Raises:
        ConfigError: There is no admin token.
        SourceError: As `Tinybird.query_sql`.

    Source: the data source, by SQL.
    """
    statement = f"SELECT count() AS rows_held FROM {_name(datasource)} WHERE {condition}"  # noqa: S608  # both are checked
    rows = tinybird.query_sql(datasource, statement).rows
    return _rows_held(datasource, rows[0] if rows else {})


def rows_by_website(tinybird: Tinybird, datasource: str) -> dict[str, int]:
    """Counts the rows of each website in a data source, in one scan; websites without rows are absent.

    Raises:
        ConfigError: There is no admin token.
        SourceError: As `Tinybird.query_sql`.

    Source: the data source, by SQL.
    """
    statement = f"SELECT website_id, count() AS rows_held FROM {_name(datasource)} GROUP BY website_id"  # noqa: S608  # checked
    rows = tinybird.query_sql(datasource, statement).rows
    return {str(row.get("website_id")): _rows_held(datasource, row) for row in rows}


def start(tinybird: Tinybird, datasource: str, condition: Condition) -> str:
    """Starts the job that deletes the rows a condition holds for and returns its id. Never retried: it may have started.

    Raises:
        ConfigError: There is no admin token.
        SourceUnavailable: No answer, 5xx, or 429 while another delete job runs.
        SourceRejected: Tinybird refused.
        SchemaMismatch: The answer names no job.
    """
    form: dict[str, str] = {"delete_condition": condition}
    path = f"/v0/datasources/{_name(datasource)}/delete"
    answer = tinybird.manage("POST", path, "admin", datasource, form=form)
    job_id = answer.get("job_id") or answer.get("id")
    if not isinstance(job_id, str) or not _ID.fullmatch(job_id):
        raise mismatch(datasource, "its answer to a delete names no usable job")
    return job_id


def job(tinybird: Tinybird, datasource: str, job_id: str) -> DeleteJob:
    """Reads the state of a delete job. Retried as a read.

    Raises:
        ValueError: The id is not a job's.
        SourceRejected: Tinybird does not know the job (404), or refused.
        SourceError: As `Tinybird.manage`, or `SchemaMismatch`.
    """
    if not _ID.fullmatch(job_id):
        raise ValueError("A job id has letters, digits, - and _ only.")
    answer = tinybird.manage("GET", f"/v0/jobs/{job_id}", "admin", datasource)
    status, rows, error = answer.get("status"), answer.get("rows_affected"), answer.get("error")
    if not isinstance(status, str):
        raise mismatch(datasource, "a job has no status")
    known = whole_number(rows)
    if status == "done":
        return DeleteJob("done", known, "")
    if status in _UNFINISHED:
        return DeleteJob("working", known, "")
    reason = error if isinstance(error, str) and error else f"its status is {status}"
    return DeleteJob("failed", known, tinybird.readable(reason))


def _rows_held(datasource: str, row: Row) -> int:
    counted = whole_number(row.get("rows_held"))
    if counted is None:
        raise mismatch(datasource, "it does not count its rows")
    return counted


def _name(datasource: str) -> str:
    if not _NAME.fullmatch(datasource):
        raise ValueError("A data source has small letters and _ in its name only.")
    return datasource


def is_busy(error: AnalyticsError) -> bool:
    """Whether Tinybird refused a delete job because it runs another: 429, or a refusal that says so."""
    if not isinstance(error, SourceError):
        return False
    is_said = error.status in _BUSY_STATUSES and _BUSY.search(error.said) is not None
    return error.status == 429 or is_said
