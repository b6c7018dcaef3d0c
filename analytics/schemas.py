"""What each pipe and query returns: column, type, unit, nullable. Checked on arrival.

An answer without what was promised raises `SchemaMismatch` and names the column; it never becomes an empty frame.
Columns that are not listed here are ignored, so that a newer pipe serves an older dashboard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from analytics.errors import SchemaMismatch, Source

Dtype = Literal["string", "int", "float", "bool", "datetime"]

PERIODS: frozenset[str] = frozenset({"current", "previous"})


@dataclass(frozen=True, slots=True)
class Column:
    """A promised column.

    Attributes:
        name: As it arrives.
        dtype: `int` and `float` become int64 and float64, `datetime` aware UTC, `string` pandas' string type.
        meaning: One phrase, with the unit when it has one.
        is_nullable: True when "not observable" is a possible answer (NaN, NaT; never 0). Such a count is a `float`.
    """

    name: str
    dtype: Dtype
    meaning: str
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """What a pipe or query promises.

    Attributes:
        source: Where it comes from.
        resource: The pipe's or query's name.
        columns: In order.
    """

    source: Source
    resource: str
    columns: tuple[Column, ...]

    def frame(self, names: Iterable[str], rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
        """The rows as a frame with exactly the promised columns, typed.

        No rows give an empty frame that still has the columns and their types.

        Args:
            names: Columns that the answer declares, also when it has no row.
            rows: The answer.

        Raises:
            SchemaMismatch: A column is not there, is null without being nullable, or has another type.
        """
        declared = set(names)
        missing = [column.name for column in self.columns if column.name not in declared]
        if missing:
            raise self._mismatch(f"it has no {', '.join(missing)}")
        return pd.DataFrame({column.name: self._series(column, rows) for column in self.columns})

    def periods(self, names: Iterable[str], rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
        """The same for an answer with one row per period, indexed by `current` and `previous`.

        Raises:
            SchemaMismatch: As for `frame`, or the two rows are not there exactly once.
        """
        frame = self.frame(names, rows)
        if sorted(frame["period"]) != sorted(PERIODS):
            raise self._mismatch("it has not exactly one row for each of the two periods")
        return frame.set_index("period")

    def _series(self, column: Column, rows: Sequence[Mapping[str, object]]) -> pd.Series:
        values = [row.get(column.name) for row in rows]
        if not column.is_nullable and any(value is None for value in values):
            raise self._mismatch(f"{column.name} is empty in a row")
        try:
            return _typed(column.dtype, values)
        except (ValueError, TypeError, OverflowError):
            raise self._mismatch(f"{column.name} is not of type {column.dtype}") from None

    def _mismatch(self, found: str) -> SchemaMismatch:
        owner, remedy = (
            ("Tinybird", "The deployed pipe is not this dashboard's: deploy the tinybird/ project.")
            if self.source == "tinybird"
            else ("Postgres", "The database's schema is not the one this dashboard was written for.")
        )
        return SchemaMismatch(
            f"{owner}'s answer to {self.resource} is not what was promised: {found}.",
            remedy,
            source=self.source,
            resource=self.resource,
        )


def _typed(dtype: Dtype, values: list[object]) -> pd.Series:
    if dtype == "string":
        if not all(value is None or isinstance(value, str) for value in values):
            raise ValueError(dtype)
        return pd.Series(values, dtype="str")
    if dtype == "datetime":
        parsed = pd.to_datetime(pd.Series(values, dtype="object"), utc=True, errors="raise", format="ISO8601")
        return parsed.astype("datetime64[us, UTC]")
    if dtype == "bool":
        if not all(isinstance(value, bool) for value in values):
            raise ValueError(dtype)
        return pd.Series(values, dtype="bool")
    if any(isinstance(value, bool) for value in values):
        raise ValueError(dtype)
    if dtype == "int":
        numbers = [int(str(value)) for value in values]
        return pd.Series(numbers, dtype="int64")
    return pd.Series([None if value is None else float(str(value)) for value in values], dtype="float64")


def _pipe(name: str, *columns: Column) -> Schema:
    return Schema("tinybird", name, columns)


_PERIOD = Column("period", "string", "current or previous")
_PLACE = (
    Column("city", "string", "untrusted text, may be empty"),
    Column("country_code", "string", "ISO 3166 alpha-2, empty without a place"),
    Column("latitude", "float", "degrees"),
    Column("longitude", "float", "degrees"),
)
_CONVERSATION_COUNTS = tuple(
    Column(name, "int", meaning)
    for name, meaning in (
        ("started", "distinct conversations started"),
        ("responded", "distinct conversations with a first response"),
        ("resolved", "distinct conversations resolved, by anybody"),
        ("ai_resolved", "distinct conversations resolved by the AI agent"),
        ("escalated", "distinct conversations escalated"),
        ("feedback", "distinct conversations with feedback"),
    )
)
_AI_HANDLED_RATE = Column("ai_handled_rate", "float", "ai_resolved / resolved, 0..1", is_nullable=True)

INBOX_ANALYTICS = _pipe(
    "inbox_analytics",
    _PERIOD,
    *_CONVERSATION_COUNTS,
    *(
        Column(name, "float", "seconds; intervals are null below 6 values", is_nullable=True)
        for name in (
            "median_response_seconds",
            "p90_response_seconds",
            "median_resolution_seconds",
            "p90_resolution_seconds",
            "median_response_low_seconds",
            "median_response_high_seconds",
            "median_resolution_low_seconds",
            "median_resolution_high_seconds",
        )
    ),
    _AI_HANDLED_RATE,
)

UNIQUE_VISITORS = _pipe(
    "unique_visitors", _PERIOD, Column("unique_visitors", "int", "distinct visitors seen in the period")
)

KPI_TIMESERIES = _pipe(
    "kpi_timeseries",
    _PERIOD,
    Column("bucket_start", "datetime", "first instant of the bucket inside the period, UTC"),
    Column("bucket_index", "int", "0-based within its period"),
    *_CONVERSATION_COUNTS,
    Column("median_response_seconds", "float", "seconds", is_nullable=True),
    Column("median_resolution_seconds", "float", "seconds", is_nullable=True),
    _AI_HANDLED_RATE,
    Column("unique_visitors", "float", "distinct visitors per bucket; does not add up", is_nullable=True),
)

ACTIVE_VISITORS = _pipe(
    "active_visitors",
    Column("visitor_id", "string", "the visitor"),
    *_PLACE,
    Column("device_type", "string", "desktop, mobile, tablet or empty"),
    Column("browser", "string", "untrusted text"),
    Column("page_url", "string", "untrusted text"),
    Column("last_seen", "datetime", "the visitor's newest event, UTC"),
)

VISITOR_LOCATIONS = _pipe("visitor_locations", *_PLACE, Column("visitors", "int", "visitors at this place"))

VISITOR_ACTIVITY = _pipe(
    "visitor_activity",
    Column("minute", "datetime", "start of the minute, UTC"),
    Column("visitors", "int", "distinct visitors seen in the minute"),
    Column("newest_event", "datetime", "newest visitor event of the window, UTC", is_nullable=True),
)

DATA_FRESHNESS = _pipe(
    "data_freshness",
    Column("datasource", "string", "conversation_metrics or visitor_events"),
    Column("event_type", "string", "one of the eight event types"),
    Column("newest_event", "datetime", "UTC, within the last 30 days", is_nullable=True),
    Column("events", "int", "rows in the last 30 days"),
)

USER_BY_EMAIL = Schema(
    "postgres",
    "user_by_email",
    (
        Column("id", "string", "user.id"),
        Column("email", "string", "as stored"),
        Column("name", "string", "untrusted text"),
        Column("is_email_verified", "bool", "sign-in proves nothing without it"),
        Column("role", "string", "admin is platform staff", is_nullable=True),
        Column("is_banned", "bool", "takes all access away"),
        Column("ban_expires", "datetime", "UTC; null for a ban without an end", is_nullable=True),
    ),
)

WEBSITES_FOR_VIEWER = Schema(
    "postgres",
    "websites_for_viewer",
    (
        Column("id", "string", "website.id"),
        Column("name", "string", "untrusted text"),
        Column("slug", "string", "unique"),
        Column("domain", "string", "untrusted text"),
        Column("status", "string", "active or inactive"),
        Column("organization_id", "string", "organization.id"),
        Column("organization_name", "string", "untrusted text"),
        Column("plan", "string", "of one subscription; null without any", is_nullable=True),
        Column("subscription_status", "string", "of the same subscription", is_nullable=True),
        Column("current_period_end", "datetime", "of the same subscription, UTC", is_nullable=True),
    ),
)

RATING_AND_SENTIMENT = Schema(
    "postgres",
    "rating_and_sentiment",
    (
        _PERIOD,
        Column("slot_start", "datetime", "start of a quarter of an hour, UTC"),
        Column("rating_count", "int", "ratings given in the slot"),
        Column("rating_total", "float", "sum of their scores, each 0 to 100"),
        Column("rating_total_of_squares", "float", "sum of the squared scores"),
        Column("sentiment_count", "int", "rated conversations started in the slot"),
        Column("sentiment_total", "float", "sum of their scores, each 0 to 100"),
        Column("sentiment_total_of_squares", "float", "sum of the squared scores"),
    ),
)
