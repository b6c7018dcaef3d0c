"""Runs deletes one at a time, and keeps them and finished imports as jobs until the server stops."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from analytics.local.tinybird.storage.query_error import QueryError

Kind = Literal["delete_data", "import"]
Status = Literal["waiting", "working", "done", "error"]

_REMEMBERED = 100


class JobRunning(Exception):
    """A delete job is still running; Tinybird runs one at a time."""


@dataclass(slots=True)
class Job:
    """One delete or import and its state. Times are UTC.

    Attributes:
        condition: Which rows a delete removes; empty for an import.
        rows: Rows deleted or stored; None until it is known.
        quarantined: Rows that an import put into quarantine.
        malformed: Those of them that could not be read at all.
    """

    kind: Kind
    datasource: str
    condition: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: Status = "waiting"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows: int | None = None
    quarantined: int = 0
    malformed: int = 0
    error: str | None = None


class Jobs:
    """Starts and remembers jobs."""

    def __init__(self, delete: Callable[[str, str], int]) -> None:
        """Takes a function that deletes: (data source, checked condition) → number of rows deleted."""
        self._delete = delete
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="jobs")

    def start_delete(self, datasource: str, condition: str) -> Job:
        """A new delete, already queued.

        Raises:
            JobRunning: another one is not done yet.
        """
        with self._lock:
            if any(job.status in {"waiting", "working"} for job in self._jobs.values()):
                raise JobRunning
            job = Job("delete_data", datasource, condition)
            self._remember(job)
        self._executor.submit(self._run, job)
        return job

    def add_import(self, job: Job) -> None:
        """Remembers an import whose rows are stored."""
        self._mark(job, "done")
        with self._lock:
            self._remember(job)

    def get(self, job_id: str) -> Job | None:
        """The job of that id, if it is still remembered."""
        return self._jobs.get(job_id)

    def all(self) -> list[Job]:
        """Every remembered job, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def close(self) -> None:
        """Waits for the running job."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _remember(self, job: Job) -> None:
        """Keeps the newest jobs of each kind; one that is not done yet is never forgotten."""
        self._jobs[job.id] = job
        for known in [each for each in self._jobs.values() if each.kind == job.kind][:-_REMEMBERED]:
            if known.status in {"done", "error"}:
                del self._jobs[known.id]

    def _run(self, job: Job) -> None:
        self._mark(job, "working")
        try:
            job.rows = self._delete(job.datasource, job.condition)
        except QueryError as error:
            job.error = str(error)
            self._mark(job, "error")
        else:
            self._mark(job, "done")

    @staticmethod
    def _mark(job: Job, status: Status) -> None:
        job.updated_at = datetime.now(UTC)
        job.status = status
