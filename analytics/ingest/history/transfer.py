"""Moves history from Postgres to Tinybird in batches, each event once. Backfill runs it once, sync forever.

What makes it once: rows are read in the order of their position; a batch is written down as in doubt before it leaves,
and the watermark moves when Tinybird has confirmed it (`wait=true`). Rows that may have been sent before are looked
up, and only what is missing is sent: those of a batch in doubt, those changed since the first run began, and all of
them where Tinybird had events of the website before the first run.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import timedelta
from typing import Final

from analytics import sources
from analytics.errors import SourceUnavailable
from analytics.ingest.events import EARLIEST, LATEST, ConversationEvent, utc_text
from analytics.ingest.history import reader as history
from analytics.ingest.history.reader import (
    HISTORIES,
    HistoryName,
    HistoryRow,
    HistoryWebsite,
    Position,
    Window,
)
from analytics.ingest.history.watermarks import (
    Watermark,
    Watermarks,
    completed,
    confirmed,
    doubted,
    restarted,
)
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import ndjson_batches

BATCH_EVENTS: Final = 10_000
"""Usually 2 MB, and a tenth of that compressed; with the longest ids still under the 10 MB of a request."""

IDS_A_QUESTION: Final = 500
ANSWER_SECONDS: Final = 30.0
"""How long Tinybird may take to store a batch before it counts as in doubt."""

GZIP_LEVEL: Final = 1
OVERLAP_SECONDS: Final = 300.0
SETTLE_SECONDS: Final = 10.0
REMEMBERED_ROWS: Final = 100_000


@dataclass(slots=True)
class TransferCounts:
    """Counts of rows read and events sent.

    Attributes:
        sent: Events that Tinybird has answered for, by type; with those that it kept aside.
        present: Events that were looked up and found there.
        skipped: Events that could not be one, by reason.
        quarantined: Events of `sent` that Tinybird put into quarantine; it does not say of which type.
    """

    rows: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    present: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0

    @property
    def stored(self) -> int:
        """Events sent that can be queried."""
        return self.sent.total() - self.quarantined

    def add(self, other: TransferCounts) -> None:
        """Adds other counts."""
        self.rows += other.rows
        self.sent += other.sent
        self.present += other.present
        self.skipped += other.skipped
        self.quarantined += other.quarantined


@dataclass(slots=True)
class _Batch:
    """Rows that are sent together.

    Attributes:
        certain: Events that were never sent.
        uncertain: Events that may have been.
    """

    positions: list[Position] = field(default_factory=list)
    certain: list[ConversationEvent] = field(default_factory=list)
    uncertain: list[ConversationEvent] = field(default_factory=list)
    counts: TransferCounts = field(default_factory=TransferCounts)

    @property
    def last(self) -> Position:
        return self.positions[-1]

    def is_full(self, events: int) -> bool:
        return max(len(self.certain) + len(self.uncertain), len(self.positions)) >= events


@dataclass
class Transfer:
    """Moves the history of websites. For one thread at a time.

    Attributes:
        tinybird: Where events go, and are looked up.
        postgres: Where rows come from.
        watermarks: How far it is.
        on_batch: Called with the counts of each batch once it is confirmed.
        say: Called with a sentence that a person should read.
        is_stopped: Asked between batches; True ends the run early, with nothing lost.
        overlap_seconds: How far behind the newest row one reads again, for transactions that commit late.
        settle_seconds: How long a batch in doubt is given to arrive before it is looked up.
        batch_events: About how many events a batch has.
        answer_seconds: How long Tinybird may take for a batch.
        sleep: Waits.
    """

    tinybird: Tinybird
    postgres: Postgres
    watermarks: Watermarks
    _: KW_ONLY
    on_batch: Callable[[TransferCounts], None]
    say: Callable[[str], None]
    is_stopped: Callable[[], bool] = lambda: False
    overlap_seconds: float = OVERLAP_SECONDS
    settle_seconds: float = SETTLE_SECONDS
    batch_events: int = BATCH_EVENTS
    answer_seconds: float = ANSWER_SECONDS
    sleep: Callable[[float], object] = time.sleep
    _seen: dict[tuple[str, HistoryName], set[Position]] = field(default_factory=dict, init=False)

    def window(self, website: HistoryWebsite) -> Window | None:
        """Reads the window of a website; None when nothing was moved yet."""
        mark = self.watermarks.find(website.id, "conversation")
        return None if mark is None else mark.window

    def ahead(self, website: HistoryWebsite) -> int:
        """Counts the rows of a website after its watermarks. Raises as `Postgres.stream`."""
        found = {name: self.watermarks.find(website.id, name) or Watermark() for name in HISTORIES}
        return history.rows_ahead(
            self.postgres, website, {name: mark.position for name, mark in found.items()}
        )

    def run(self, website: HistoryWebsite, window: Window) -> None:
        """Moves everything that is there now and not yet moved. May be called again after any error.

        What of the window reaches beyond that of an earlier run starts over, with every event looked up; what was sent
        outside of it stays, and does not follow its rows any more.

        Raises:
            SourceError: A source does not answer or says no; what was confirmed stays.
            ConfigError: The state or a token is not usable.
        """
        marks = {name: self._begun(website, name, window) for name in HISTORIES}
        for name, mark in marks.items():
            self._pass(website, name, mark)

    def _begun(self, website: HistoryWebsite, name: HistoryName, window: Window) -> Watermark:
        found = self.watermarks.find(website.id, name)
        if found is None:
            is_known = sources.has_conversation_events(
                self.tinybird,
                website.id,
                utc_text(window.since or EARLIEST),
                utc_text(window.until or LATEST - timedelta(seconds=1)),
            )
            if is_known and name == HISTORIES[0]:
                self.say(
                    f"{website.slug}: Tinybird has events of it already; each is looked up before it is sent."
                )
            horizon = history.server_time(self.postgres) - self.overlap_seconds
            begins = -math.inf if is_known else horizon
            mark = Watermark(checked_from=begins, horizon=horizon, window=window)
            return self.watermarks.put(website.id, name, mark)
        if window == found.window:
            return found
        is_narrower = found.window.holds(window)
        if name == HISTORIES[0]:
            then = "" if is_narrower else "; starting over, and looking up what is there"
            self.say(
                f"{website.slug}: {window.text} are wanted now, and {found.window.text} were before{then}."
            )
        mark = replace(found, window=window) if is_narrower else restarted(found, window)
        return self.watermarks.put(website.id, name, mark)

    def _pass(self, website: HistoryWebsite, name: HistoryName, mark: Watermark) -> None:
        # A row dated ahead of now moves no watermark past now: all that changes until then would be left out.
        now = history.server_time(self.postgres)
        ceiling = Position(now, "")
        if mark.doubted is not None:
            waited = time.time() - mark.doubted
            self.sleep(min(self.settle_seconds, max(0.0, self.settle_seconds - waited)))
        if self.is_stopped():  # perhaps while it settled: what is in doubt cannot be looked up yet
            return
        flight: tuple[_Batch, Position, Future[int]] | None = None
        with ThreadPoolExecutor(1, "backfill-send") as sender:
            for batch in self._batches(website, name, mark):
                missing = self._missing(website, batch)
                if flight is not None:
                    mark = self._landed(website, name, mark, *flight)
                mark = self.watermarks.put(website.id, name, doubted(mark, batch.last, time.time()))
                flight = batch, ceiling, sender.submit(self._send, missing)
                if self.is_stopped():
                    self._landed(website, name, mark, *flight)
                    return
            if flight is not None:
                mark = self._landed(website, name, mark, *flight)
        mark = self.watermarks.put(website.id, name, completed(mark, now - self.overlap_seconds))
        seen = self._seen.get((website.id, name), set())
        self._seen[website.id, name] = {position for position in seen if position.at >= mark.horizon}

    def _batches(self, website: HistoryWebsite, name: HistoryName, mark: Watermark) -> Iterator[_Batch]:
        batch, seen = _Batch(), self._seen.get((website.id, name), set())
        for row in history.read_events(self.postgres, website, name, mark.start):
            if row.position in seen:
                continue
            is_certain = row.position.at < mark.checked_from and (
                mark.doubt is None or row.position > mark.doubt
            )
            _put(batch, row, mark.window, is_certain=is_certain)
            if batch.is_full(self.batch_events):
                yield batch
                batch = _Batch()
        if batch.positions:
            yield batch

    def _missing(self, website: HistoryWebsite, batch: _Batch) -> list[ConversationEvent]:
        """Finds the events of a batch that Tinybird does not have, each once."""
        stored = self._stored(website, batch.uncertain) if batch.uncertain else set()
        wanted = {_key(event): event for event in (*batch.certain, *batch.uncertain)}
        missing = [event for key, event in wanted.items() if key not in stored]
        batch.counts.present = len(wanted) - len(missing)
        batch.counts.sent.update(event.event_type for event in missing)
        return missing

    def _stored(
        self, website: HistoryWebsite, events: Sequence[ConversationEvent]
    ) -> set[tuple[str, str, str]]:
        ids = sorted({event.conversation_id for event in events})
        instants = [event.timestamp for event in events]
        date_from, date_to = utc_text(min(instants)), utc_text(max(instants) + timedelta(seconds=1))
        stored: set[tuple[str, str, str]] = set()
        for first in range(0, len(ids), IDS_A_QUESTION):
            asked = ids[first : first + IDS_A_QUESTION]
            frame = sources.conversation_events(self.tinybird, website.id, date_from, date_to, asked).value
            at = frame["timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S")
            stored.update(zip(frame["conversation_id"], frame["event_type"], at, strict=True))
        return stored

    def _send(self, events: Sequence[ConversationEvent]) -> int:
        """Sends events and returns how many were quarantined, once all others can be queried."""
        counted = quarantined = 0
        for body in ndjson_batches([event.row() for event in events]):
            answer = self.tinybird.post_batch(
                ConversationEvent.DATASOURCE,
                body,
                wait=True,
                gzip_level=GZIP_LEVEL,
                timeout_seconds=self.answer_seconds,
            )
            counted += answer.successful_rows + answer.quarantined_rows
            quarantined += answer.quarantined_rows
        if counted != len(events):
            raise SourceUnavailable(
                f"Tinybird says that it stored {counted:,} of {len(events):,} events.",
                "What is missing is looked up and sent when this is tried again.",
                source="tinybird",
                resource=ConversationEvent.DATASOURCE,
            )
        return quarantined

    def _landed(
        self,
        website: HistoryWebsite,
        name: HistoryName,
        mark: Watermark,
        batch: _Batch,
        ceiling: Position,
        sent: Future[int],
    ) -> Watermark:
        batch.counts.quarantined = sent.result()
        mark = self.watermarks.put(website.id, name, confirmed(mark, batch.last, ceiling))
        seen = self._seen.setdefault((website.id, name), set())
        # What is read again next time: remembered, it need not be looked up. Past the limit it is looked up.
        again = [position for position in batch.positions if position.at >= mark.horizon]
        seen.update(again[: max(0, REMEMBERED_ROWS - len(seen))])
        self.on_batch(batch.counts)
        return mark


def _put(batch: _Batch, row: HistoryRow, window: Window, *, is_certain: bool) -> None:
    batch.positions.append(row.position)
    batch.counts.rows += 1
    batch.counts.skipped.update(row.skipped)
    events = batch.certain if is_certain else batch.uncertain
    events.extend(event for event in row.events if event.timestamp in window)


def _key(event: ConversationEvent) -> tuple[str, str, str]:
    return event.conversation_id, event.event_type, utc_text(event.timestamp)
