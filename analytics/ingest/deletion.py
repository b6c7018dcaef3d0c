"""Deleting a website's rows from one data source: count them, start the job, ask how far it is.

Owns the condition. A website id is a value and never SQL: one that has anything but letters, digits, - and _ is
refused before a request is made. Knows nothing of order, repetition or receipts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from analytics.errors import SourceRejected
from analytics.tinybird import Tinybird
from analytics.wire import mismatch

DATASOURCES: Final = ("conversation_metrics", "visitor_events")
"""Every data source that holds rows of a website; the pipes keep none."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_NAME = re.compile(r"[a-z_]{1,100}", re.ASCII)
_ABSENT = re.compile(r"not found|not exist|n't exist", re.IGNORECASE)
_UNFINISHED: Final = frozenset({"waiting", "working", "cancelling"})


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """How far a job that deletes rows is.

    Attributes:
        status: working (or waiting to) | done | failed.
        rows: How many rows went; None when the job does not say.
        error: Why it failed, as Tinybird says it, scrubbed; empty unless it failed.
    """

    status: Literal["working", "done", "failed"]
    rows: int | None
    error: str


def is_website_id(text: str) -> bool:
    """Whether a text can be a website's id: 1 to 100 letters, digits, - and _.

    >>> is_website_id("01JC3V-a_b"), is_website_id("w1' OR 1=1 --"), is_website_id("")
    (True, False, False)
    """
    return _ID.fullmatch(text) is not None


def condition_of(website_id: str) -> str:
    """The condition that holds for a website's rows.

    >>> condition_of("01JC3V-a_b")
    "website_id = '01JC3V-a_b'"

    Raises:
        ValueError: The id is not an id, and would have become part of the condition.
    """
    if not is_website_id(website_id):
        raise ValueError("A website id has letters, digits, - and _ only, 1 to 100 of them.")
    return f"website_id = '{website_id}'"


def count_rows(tinybird: Tinybird, datasource: str, website_id: str) -> int:
    """How many rows of a website a data source holds now, by the condition that deletes them.

    Raises:
        ValueError: As for `condition_of`; nothing was sent.
        ConfigError: There is no admin token.
        SourceError: As `Tinybird.query_sql`.

    Source: the data source, by SQL.
    """
    condition = condition_of(website_id)
    statement = f"SELECT count() AS rows_held FROM {_name(datasource)} WHERE {condition}"  # noqa: S608  # both are checked
    rows = tinybird.query_sql(datasource, statement).rows
    try:
        return int(str(rows[0]["rows_held"]))
    except (IndexError, KeyError, ValueError):
        raise mismatch(datasource, "it does not count its rows") from None


def rows_by_website(tinybird: Tinybird, datasource: str) -> dict[str, int]:
    """How many rows each website has in a data source; websites without rows are absent. One scan.

    Raises:
        ConfigError: There is no admin token.
        SourceError: As `Tinybird.query_sql`.

    Source: the data source, by SQL.
    """
    statement = f"SELECT website_id, count() AS rows_held FROM {_name(datasource)} GROUP BY website_id"  # noqa: S608  # checked
    rows = tinybird.query_sql(datasource, statement).rows
    try:
        return {str(row["website_id"]): int(str(row["rows_held"])) for row in rows}
    except (KeyError, ValueError):
        raise mismatch(datasource, "it does not count its rows") from None


def start(tinybird: Tinybird, datasource: str, website_id: str) -> str:
    """Starts the job that deletes a website's rows and returns its id. Never retried: it may have started.

    Raises:
        ValueError: As for `condition_of`; nothing was sent.
        ConfigError: There is no admin token.
        SourceUnavailable: No answer, 5xx, or 429 while another delete job runs.
        SourceRejected: Tinybird refused.
        SchemaMismatch: The answer names no job.
    """
    form = {"delete_condition": condition_of(website_id)}
    path = f"/v0/datasources/{_name(datasource)}/delete"
    answer = tinybird.manage("POST", path, "admin", datasource, form=form)
    job_id = answer.get("job_id") or answer.get("id")
    if not isinstance(job_id, str) or not _ID.fullmatch(job_id):
        raise mismatch(datasource, "its answer to a delete names no usable job")
    return job_id


def job(tinybird: Tinybird, datasource: str, job_id: str) -> DeleteJob:
    """How far a delete job is. Retried as a read.

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
    known = rows if isinstance(rows, int) and not isinstance(rows, bool) else None
    if status == "done":
        return DeleteJob("done", known, "")
    if status in _UNFINISHED:
        return DeleteJob("working", known, "")
    reason = error if isinstance(error, str) and error else f"its status is {status}"
    return DeleteJob("failed", known, tinybird.readable(reason))


def is_absent(error: SourceRejected, datasource: str) -> bool:
    """Whether a statement was refused because there is no quarantine yet: Tinybird makes it with its first row."""
    is_said = f"{datasource}_quarantine" in error.said and _ABSENT.search(error.said) is not None
    return error.status in {400, 404} and is_said


def _name(datasource: str) -> str:
    if not _NAME.fullmatch(datasource):
        raise ValueError("A data source has small letters and _ in its name only.")
    return datasource
