"""Delete jobs: one at a time, remembered while the server runs."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from analytics.local.query_error import QueryError

Status = Literal["waiting", "working", "done", "error"]

_REMEMBERED = 100


class JobRunning(Exception):  # noqa: N818  # a state, not a fault
    """A delete job is still running; Tinybird runs one at a time."""


@dataclass(slots=True)
class Job:
    """One delete: what, and how far it is. Times are UTC."""

    datasource: str
    condition: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: Status = "waiting"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    rows: int | None = None
    error: str | None = None


class Jobs:
    """Starts and remembers jobs."""

    def __init__(self, delete: Callable[[str, str], int]) -> None:
        """Takes what deletes: (data source, checked condition) → number of rows deleted."""
        self._delete = delete
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="jobs")

    def start(self, datasource: str, condition: str) -> Job:
        """A new job, already queued.

        Raises:
            JobRunning: another one is not done yet.
        """
        with self._lock:
            if any(job.status in {"waiting", "working"} for job in self._jobs.values()):
                raise JobRunning
            job = Job(datasource, condition)
            self._jobs[job.id] = job
            while len(self._jobs) > _REMEMBERED:
                del self._jobs[next(iter(self._jobs))]
        self._executor.submit(self._run, job)
        return job

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
