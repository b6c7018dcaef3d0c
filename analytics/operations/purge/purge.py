"""Purges a website: deletes its rows from both data sources, one job at a time, until none is counted; then from the store.

Deleting twice does no harm, so that every step may be repeated after a kill: what was under way is in the journal, and
a job in doubt is started again. The product's Postgres is not touched: `visitor.last_seen_at` stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

from analytics.errors import AnalyticsError, SourceError, SourceRejected, SourceUnavailable
from analytics.ingest.deletes import deletion
from analytics.ingest.deletes.receipts import DatasourcePurge, Ledger, Purge, PurgeRefused, total
from analytics.store import VARIABLE
from analytics.store.store import Store
from analytics.transports.retrying import Retries, is_unavailable
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import has_no_quarantine

MAX_ROUNDS: Final = 5
"""How often rows that arrive during a purge are deleted again, before the purge gives up: the sender must be stopped first."""

SETTLE_SECONDS: Final = 5.0
"""Rows that Tinybird has accepted and not stored yet are visible after this, so zero is counted twice."""

FIRST_POLL_SECONDS: Final = 0.25
POLL_SECONDS: Final = 5.0
BUSY_SECONDS: Final = 5.0
"""How long to wait for another delete job, unless Tinybird asks for more."""

MAX_WAIT_SECONDS: Final = 3600.0
"""How long one job is waited for, be it ours or another; the next start of the purge goes on waiting."""

START_ATTEMPTS: Final = 4
START_PAUSE_SECONDS: Final = 2.0

What = Literal["waits", "deletes"]


@dataclass(frozen=True, slots=True)
class Holdings:
    """Number of a website's rows in Tinybird.

    Attributes:
        quarantined_rows: Rows that did not fit and are kept apart; None when they cannot be read.
    """

    rows: dict[str, int]
    quarantined_rows: int | None

    @property
    def row_count(self) -> int:
        """Rows of all data sources, without those in quarantine."""
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class PurgeProgress:
    """Progress of a purge.

    Attributes:
        what: deletes | waits (for another delete job of the workspace).
        rows: How many rows are to go.
        seconds: Since this step began.
    """

    datasource: str
    what: What
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PurgeRequest:
    """Request for a purge."""

    website_id: str
    website: str
    reason: str
    by: str


@dataclass(slots=True)
class Purger:
    """Runs purges against one workspace, and keeps their journal.

    Attributes:
        tinybird: With an admin token.
        host: Its address, for the receipt.
        store: The dashboard's own store; None where none is set.
        settle_seconds: As `SETTLE_SECONDS`.
    """

    tinybird: Tinybird
    host: str
    ledger: Ledger
    store: Store | None = None
    on_progress: Callable[[PurgeProgress], None] = lambda progress: None
    settle_seconds: float = SETTLE_SECONDS
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = field(default=time.monotonic)

    def run(self, order: PurgeRequest) -> tuple[Purge, Path]:
        """Deletes every row of the website and returns the receipt and where it stands. Continues an unfinished one.

        Raises:
            ValueError: The website id is not one.
            ConfigError: There is no admin token, or the journal cannot be kept.
            PurgeRefused: Rows keep arriving, another process purges, the journal is of another workspace, or it was begun with a
                store and none is set.
            SourceError: Tinybird failed, or the store after Tinybird was emptied; the journal stays, and the next `run` continues.
        """
        with self.ledger.held():
            begun = self.ledger.journal(order.website_id)
            purge = self._begun(order) if begun is None else begun.asked_by(order.by)
            if purge.host != self.host:
                raise PurgeRefused(
                    f"The purge of {purge.website_id} was begun on {purge.host}, and TINYBIRD_HOST is {self.host}.",
                    f"Finish it there, or remove {purge.website_id}.json from the state directory's purges/.",
                )
            if self.store is None and purge.store_rows is not None:
                raise PurgeRefused(
                    f"The purge of {purge.website_id} was begun with a store, and {VARIABLE} is not set.",
                    "Set it as it was then, and run the same command again.",
                )
            if begun is not None:
                self.ledger.keep(purge)
            for state in purge.datasources:
                if state.is_starting:
                    purge = self._noted(purge, state, is_starting=False, rows_deleted=None)
                elif state.running_job is not None:
                    purge = self._ended(purge, state, state.rows_found)
            purge = self._forgotten(self._emptied(purge))
            done = purge.model_copy(update={"finished_at": datetime.now(UTC), "rows_left": 0})
            return done, self.ledger.close(done)

    def _begun(self, order: PurgeRequest) -> Purge:
        held = holdings(self.tinybird, order.website_id)
        purge = Purge(
            website_id=order.website_id,
            website=order.website,
            reason=order.reason,
            by=order.by,
            host=self.host,
            started_at=datetime.now(UTC),
            quarantined_rows=held.quarantined_rows,
            store_rows=None if self.store is None else 0,
            datasources=tuple(
                DatasourcePurge(datasource=datasource, rows_found=rows)
                for datasource, rows in held.rows.items()
            ),
        )
        self.ledger.keep(purge)
        return purge

    def _emptied(self, purge: Purge) -> Purge:
        for round_ in range(MAX_ROUNDS + 1):
            left = self._left(purge)
            if not any(left.values()):
                self.sleep(self.settle_seconds)
                left = self._left(purge)
                if not any(left.values()):
                    return purge
            if round_ == MAX_ROUNDS:
                break
            for datasource, rows in left.items():
                if rows:
                    purge = self._started(purge, datasource, rows)
                    purge = self._ended(purge, purge.of(datasource), rows)
        raise PurgeRefused(
            f"{sum(left.values()):,} rows of {purge.website_id} arrived while it was purged, {MAX_ROUNDS} times over.",
            "Stop what sends events for this website, then run the same command again: it goes on from here.",
        )

    def _forgotten(self, purge: Purge) -> Purge:
        """Deletes the website's rows in the store; notes before how many there are, so that a kill does not lose the number."""
        if self.store is None:
            return purge
        try:
            held = sum(self.store.held(purge.website_id).values())
            purge = purge.model_copy(update={"store_rows": max(held, purge.store_rows or 0)})
            self.ledger.keep(purge)
            self.store.forget(purge.website_id)
        except SourceError as error:
            raise type(error)(
                f"The rows of {purge.website_id} in Tinybird are deleted, its goals and minutes in the store are not. {error.message}",
                f"{error.remedy} Then run the same command again: it goes on from here.",
                source="store",
                resource=error.resource,
            ) from None
        return purge

    def _left(self, purge: Purge) -> dict[str, int]:
        condition = deletion.condition_of(purge.website_id)
        return {
            state.datasource: deletion.count_rows(self.tinybird, state.datasource, condition)
            for state in purge.datasources
        }

    def _noted(self, purge: Purge, state: DatasourcePurge, **changes: object) -> Purge:
        """Changes a data source's state, and keeps that in the journal."""
        purge = purge.updated(state.model_copy(update=changes))
        self.ledger.keep(purge)
        return purge

    def _started(self, purge: Purge, datasource: str, rows: int) -> Purge:
        """Starts a delete job; one that may have started without an answer is noted as such."""
        began, condition = self.monotonic(), deletion.condition_of(purge.website_id)

        def start() -> str:
            nonlocal purge
            purge = self._noted(purge, purge.of(datasource), is_starting=True)
            try:
                return deletion.start(self.tinybird, datasource, condition)
            except SourceError as error:
                state = purge.of(datasource)
                is_refused = deletion.is_busy(error) or isinstance(error, SourceRejected)
                deleted = state.rows_deleted if is_refused else None
                purge = self._noted(purge, state, is_starting=False, rows_deleted=deleted)
                raise

        def tell(_error: AnalyticsError, _seconds: float) -> None:
            self.on_progress(PurgeProgress(datasource, "waits", rows, self.monotonic() - began))

        waiting = partial(Retries, on_pause=tell, sleep=self.sleep, monotonic=self.monotonic)
        unavailable = waiting(
            START_PAUSE_SECONDS,
            most_calls=START_ATTEMPTS,
            is_transient=lambda error: is_unavailable(error) and not deletion.is_busy(error),
        )
        busy = waiting(
            BUSY_SECONDS, BUSY_SECONDS, total_seconds=MAX_WAIT_SECONDS, is_transient=deletion.is_busy
        )
        job_id = busy.run(lambda: unavailable.run(start))
        state = purge.of(datasource)
        changes = {"running_job": job_id, "jobs": (*state.jobs, job_id)}
        return self._noted(purge, state, is_starting=False, **changes)

    def _ended(self, purge: Purge, state: DatasourcePurge, rows: int) -> Purge:
        """Waits for the running job and notes how many rows it deleted; unknown for a job that Tinybird has forgotten."""
        job_id, began, poll_seconds = state.running_job or "", self.monotonic(), FIRST_POLL_SECONDS
        deleted: int | None = None
        while True:
            self.on_progress(PurgeProgress(state.datasource, "deletes", rows, self.monotonic() - began))
            try:
                job = deletion.job(self.tinybird, state.datasource, job_id)
            except SourceRejected as error:
                if error.status != 404:
                    raise
                break
            if job.status == "failed":
                self._noted(purge, state, running_job=None, rows_deleted=None)
                raise SourceRejected(
                    f"Tinybird could not delete rows from {state.datasource}: {job.error}",
                    "Run the same command again: it goes on from here.",
                    source="tinybird",
                    resource=state.datasource,
                )
            if job.status == "done":
                deleted = job.rows
                break
            if self.monotonic() - began >= MAX_WAIT_SECONDS:
                raise SourceUnavailable(
                    f"Tinybird has not finished deleting from {state.datasource} after an hour.",
                    "Run the same command again: it goes on waiting for the same job.",
                    source="tinybird",
                    resource=state.datasource,
                )
            self.sleep(poll_seconds)
            poll_seconds = min(poll_seconds * 2, POLL_SECONDS)
        return self._noted(purge, state, running_job=None, rows_deleted=total((state.rows_deleted, deleted)))


def holdings(tinybird: Tinybird, website_id: str) -> Holdings:
    """Counts the rows of a website in Tinybird.

    Raises:
        ValueError: The id is not an id.
        ConfigError: There is no admin token.
        SourceError: As `deletion.count_rows`; a quarantine that cannot be read is no error.

    Source: both data sources and their quarantines.
    """
    condition = deletion.condition_of(website_id)
    rows = {name: deletion.count_rows(tinybird, name, condition) for name in deletion.DATASOURCES}
    quarantined: list[int | None] = []
    for datasource in deletion.DATASOURCES:
        try:
            quarantined.append(deletion.count_rows(tinybird, f"{datasource}_quarantine", condition))
        except SourceError as error:
            quarantined.append(0 if has_no_quarantine(error, datasource) else None)
    return Holdings(rows, total(tuple(quarantined)))
