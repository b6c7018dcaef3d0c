"""Removes from Tinybird what was deleted or marked as test in Postgres after it was sent: one delete job a day.

Each data source is looked at once a day (UTC). What it still holds of the ids that Postgres leaves out goes in one job; what
does not fit in it goes the next day. Deleting twice does no harm: a job in doubt is started again. What is under way is
in the journal, and each job leaves a receipt with the ids that it was for. Postgres is only read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from analytics.errors import SourceError, SourceRejected
from analytics.ingest.deletes import deletion, left_out, receipts
from analytics.ingest.deletes.deletion import RowsOf, is_busy
from analytics.ingest.deletes.receipts import Ledger, PurgeRefused
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.web import audit
from analytics.web.audit import Event

MOST_CHARACTERS: Final = 100_000
"""About how long the condition of a job, and of a question, may be: some 3,000 ids."""


class Job(BaseModel):
    """One delete job: in the journal while it runs, a receipt once it has ended.

    Attributes:
        job_id: As Tinybird calls it; None as long as its answer has not been seen.
        ended_at: When its end was seen; None before.
        rows_deleted: How many it says it deleted; None when it does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    datasource: str
    rows_of: tuple[RowsOf, ...]
    rows_found: Annotated[int, Field(ge=0)]
    started_at: AwareDatetime
    job_id: str | None = None
    ended_at: AwareDatetime | None = None
    rows_deleted: int | None = None
    error: str = ""


class Journal(BaseModel):
    """State of the removals of one workspace.

    Attributes:
        looked: The day on which each data source was last looked at, by its name and the websites chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    looked: dict[str, date] = {}
    running: Job | None = None


@dataclass(slots=True)
class Removal:
    """Removes rows that must not count, step by step between the rounds of a sync.

    Attributes:
        tinybird: With an admin token; without one nothing is removed, which is said once.
        host: Tinybird's address: each workspace has its own journal.
        grace_days: Days after which the rows of a deleted website go.
        is_stopped: Asked between questions; True ends a step early, with nothing lost.
        most_characters: About how long the condition of a job, and of a question, may be.
    """

    tinybird: Tinybird
    postgres: Postgres
    host: str
    directory: Path
    grace_days: int
    say: Callable[[str], None]
    is_stopped: Callable[[], bool] = lambda: False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    most_characters: int = MOST_CHARACTERS
    _is_audited: bool = field(default=False, init=False)

    def step(self, website_ids: Sequence[str], scope: Sequence[str] = ()) -> bool:
        """Does what can be done now without waiting for a job; True when nothing is left to do today.

        With a `scope` of slugs, rows of deleted websites stay.

        Raises:
            ConfigError: The journal cannot be kept.
            SourceError: A source does not answer; the next step goes on from here.
        """
        if not self.tinybird.has_admin_token:
            self._tell_once(website_ids)
            return True
        try:
            with Ledger(self.directory).held():
                return self._step(website_ids, scope)
        except PurgeRefused:  # a purge runs: its jobs come first
            return False

    def _step(self, website_ids: Sequence[str], scope: Sequence[str]) -> bool:
        journal = self._read()
        if journal.running is not None:
            journal = self._followed(journal, journal.running)
            if journal.running is not None:
                return False
        for datasource in deletion.DATASOURCES:
            key = " ".join((datasource, *sorted(scope)))
            if journal.looked.get(key) == self.now().date():
                continue
            looked = Journal(looked={**journal.looked, key: self.now().date()})
            try:
                found = self._found(datasource, website_ids, has_all=not scope)
            except SourceRejected as error:
                self._refused(datasource, error)
                found = []
            if self.is_stopped():
                return False
            if found:
                self._start(journal, looked, datasource, found)
                return False
            journal = self._keep(looked)
        return True

    def _found(self, datasource: str, website_ids: Sequence[str], *, has_all: bool) -> list[RowsOf]:
        """Finds rows that must not count, as many as fit in one job."""
        found: list[RowsOf] = []
        size, before = 0, None
        for some in _chunks(self._candidates(datasource, website_ids, has_all=has_all), self.most_characters):
            if self.is_stopped():
                return found
            for rows_of in sorted(deletion.held_of(self.tinybird, datasource, some)):
                size += _size(rows_of, before)
                before = rows_of
                if size > self.most_characters and found:
                    self.say(f"{datasource}: more deleted or test rows are left, to be removed tomorrow.")
                    return found
                found.append(rows_of)
        return found

    def _candidates(self, datasource: str, website_ids: Sequence[str], *, has_all: bool) -> Iterator[RowsOf]:
        if has_all:
            yield from left_out.deleted_websites(self.postgres, self.grace_days)
        yield from left_out.visitors(self.postgres, website_ids)
        if datasource == "conversation_metrics":
            yield from left_out.conversations(self.postgres, website_ids)

    def _start(self, before: Journal, looked: Journal, datasource: str, found: list[RowsOf]) -> None:
        """Starts the job for what was found.

        `before` is the journal until Tinybird's answer is seen, so that a kill starts the job again; `looked` is the one
        after it.
        """
        condition = deletion.condition_of_all(found)
        job = Job(
            datasource=datasource,
            rows_of=tuple(found),
            rows_found=deletion.count_rows(self.tinybird, datasource, condition),
            started_at=self.now(),
        )
        self._keep(before.model_copy(update={"running": job}))
        try:
            job_id = deletion.start(self.tinybird, datasource, condition)
        except SourceError as error:
            is_final = isinstance(error, SourceRejected) and not is_busy(error)
            self._keep(looked if is_final else before)
            if is_final:
                self._refused(datasource, error)
            elif not is_busy(error):
                raise
            return
        self._keep(looked.model_copy(update={"running": job.model_copy(update={"job_id": job_id})}))
        self.say(f"{datasource}: removing {job.rows_found:,} rows that were deleted or are of test visitors.")

    def _followed(self, journal: Journal, job: Job) -> Journal:
        """Looks at the running job; the journal is without it when it has ended or was not seen to start."""
        ended: dict[str, object] = {"ended_at": self.now()}
        if job.job_id is None:
            return self._keep(journal.model_copy(update={"running": None}))
        try:
            state = deletion.job(self.tinybird, job.datasource, job.job_id)
        except SourceRejected as error:
            ended["error"] = "" if error.status == 404 else error.message  # a job that is forgotten has ended
        else:
            if state.status == "working":
                return journal
            ended |= {"rows_deleted": state.rows, "error": state.error}
        done = job.model_copy(update=ended)
        self._close(done)
        audit.write(_event(done))
        if done.error:
            self.say(f"{job.datasource}: Tinybird could not remove rows: {done.error}")
        else:
            count = "an unknown number of" if done.rows_deleted is None else f"{done.rows_deleted:,}"
            self.say(f"{job.datasource}: removed {count} rows that were deleted or are of test visitors.")
        return self._keep(journal.model_copy(update={"running": None}))

    def _refused(self, datasource: str, error: SourceError) -> None:
        self.say(f"{datasource}: what was deleted or marked as test is not removed today. {error}")

    def _tell_once(self, website_ids: Sequence[str]) -> None:
        if self._is_audited:
            return
        self._is_audited = True
        rows = (
            left_out.visitors(self.postgres, website_ids),
            left_out.conversations(self.postgres, website_ids),
        )
        if any(next(some, None) is not None for some in rows):
            self.say(
                "TINYBIRD_ADMIN_TOKEN is missing: rows that were deleted or marked as test after they were sent stay in Tinybird."
            )

    @property
    def _path(self) -> Path:
        return _journal_path(self.directory, self.host)

    def _read(self) -> Journal:
        return receipts.read(Journal, self._path) if self._path.exists() else Journal()

    def _keep(self, journal: Journal) -> Journal:
        receipts.write(self._path, journal)
        return journal

    def _close(self, job: Job) -> None:
        name = f"{job.started_at:%Y%m%dT%H%M%S%fZ}-{job.datasource}.json"
        receipts.write(self._path.with_suffix("") / name, job)


def removed_conversations(directory: Path, host: str, website_id: str) -> frozenset[str]:
    """Reads from receipts which conversations of a website were removed from that workspace.

    Raises:
        ConfigError: A receipt cannot be read.
    """
    jobs = (
        receipts.read(Job, path)
        for path in sorted(_journal_path(directory, host).with_suffix("").glob("*.json"))
    )
    return frozenset(
        each.id
        for job in jobs
        for each in job.rows_of
        if not job.error and each.website_id == website_id and each.column == "conversation_id"
    )


def _journal_path(directory: Path, host: str) -> Path:
    # No dot in the name: receipts are in the folder of the same name without the suffix.
    return directory / "removals" / f"{re.sub('[^A-Za-z0-9-]', '_', urlsplit(host).netloc)}.json"


def _event(done: Job) -> Event:
    websites = " ".join(sorted({each.website_id for each in done.rows_of}))
    event = Event("removal", who=audit.system_user(), website=websites, rows=done.rows_deleted)
    if done.error:
        return replace(event, outcome="failed", reason=done.error)
    return replace(event, reason=f"{done.datasource}: deleted or of test visitors")


def _size(rows_of: RowsOf, before: RowsOf | None) -> int:
    """Characters that an id adds to a condition: quotes, and where it begins a new part that part's beginning."""
    is_new = before is None or before[:2] != rows_of[:2]
    return len(f"'{rows_of.id}', ") + is_new * len(
        f"(website_id = '{rows_of.website_id}' AND {rows_of.column} IN ()) OR "
    )


def _chunks(rows: Iterable[RowsOf], most_characters: int) -> Iterator[list[RowsOf]]:
    some: list[RowsOf] = []
    size = 0
    for each in rows:
        if some and size + _size(each, some[-1]) > most_characters:
            yield some
            some, size = [], 0
        size += _size(each, some[-1] if some else None)
        some.append(each)
    if some:
        yield some
