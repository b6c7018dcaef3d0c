"""Runs a pipe or statement and checks the answer against its schema. Defines parameters that several pipes share."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final, cast

import pandas as pd

from analytics.readings import Answer, SentQuery
from analytics.schemas import Schema
from analytics.scope import clock
from analytics.scope.buckets import bucket_starts
from analytics.scope.clock import Bucket
from analytics.scope.periods import Period
from analytics.transports.postgres import Parameter as SqlParameter
from analytics.transports.postgres import Postgres
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter as PipeParameter
from analytics.transports.tinybird_messages import PipeAnswer

UNUSABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What pandas and plain Python raise when values are not as the code expects; others are defects of their own."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both periods as pipe parameters: UTC texts, ends exclusive. The previous one may be empty.

    Attributes:
        date_from: Start of the period shown.
        date_to: End of the period shown.
        prev_date_from: Start of the period before.
        prev_date_to: End of the period before.
    """

    date_from: str
    date_to: str
    prev_date_from: str
    prev_date_to: str

    @classmethod
    def of(cls, current: Period, previous: Period | None) -> Bounds:
        """Makes the bounds; None for the previous period gives an empty one."""
        date_from, date_to = current.utc_bounds()
        before = (date_from, date_from) if previous is None else previous.utc_bounds()
        return cls(date_from, date_to, *before)

    def params(self) -> dict[str, str]:
        """The four pipe parameters."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Starts of the buckets of both periods as pipe parameters: Unix seconds, separated by commas.

    Attributes:
        starts: Those of the period shown; empty for an empty period.
        prev_starts: Those of the period before; empty when it is not read.
    """

    starts: str
    prev_starts: str

    @classmethod
    def of(cls, bucket: Bucket, current: Period, previous: Period | None) -> Buckets:
        """Makes the starts of local hours, days or weeks; None for a previous period that is not read."""
        before = () if previous is None else bucket_starts(previous, bucket)
        return cls(clock.unix_seconds(bucket_starts(current, bucket)), clock.unix_seconds(before))

    def params(self) -> dict[str, str]:
        """The two pipe parameters, without the one of a period without buckets."""
        given = {"bucket_starts": self.starts, "prev_bucket_starts": self.prev_starts}
        return {name: starts for name, starts in given.items() if starts}


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets from UTC of a timezone as pipe parameters (`clock.offset_params`).

    Attributes:
        starts: First instant of each offset: Unix seconds, separated by commas.
        seconds: Local clock minus UTC, in seconds, separated by commas.
    """

    starts: str
    seconds: str

    @classmethod
    def of(cls, *read: Period) -> Offsets:
        """Makes the offsets between the earliest and the latest instant of the periods, which share a timezone."""
        start, end = min(each.start for each in read), max(each.end for each in read)
        params = clock.offset_params(start, end, read[0].timezone)
        return cls(params["offset_starts"], params["offset_seconds"])

    def params(self) -> dict[str, str]:
        """The two pipe parameters."""
        return {"offset_starts": self.starts, "offset_seconds": self.seconds}


@contextmanager
def computing_from(schema: Schema) -> Iterator[None]:
    """Turns an exception of the block, which computes from an answer, into a failure of the answer's source.

    The log gets its type and place, not its text, which may contain values of the rows.

    Raises:
        SchemaMismatch: The block raised one of `UNUSABLE`.
    """
    try:
        yield
    except UNUSABLE as error:
        place, kind = traceback.extract_tb(error.__traceback__)[-1], type(error).__name__
        _LOG.error("%s in %s:%s with an answer of %s", kind, place.filename, place.lineno, schema.resource)
        raise schema.impossible(f"its values cannot be used ({kind})") from None


def pipe_frame(
    tinybird: Tinybird, schema: Schema, params: Mapping[str, PipeParameter], *, is_rest: bool = False
) -> Answer[pd.DataFrame]:
    """Reads the rows of a pipe and checks them against its schema; `is_rest` as in `Schema.frame`."""
    answer = tinybird.query_pipe(schema.resource, params)
    frame = schema.frame((column["name"] for column in answer.meta), answer.rows, is_rest=is_rest)
    return Answer(frame, answer.read_at, sent_query(schema, answer))


def sent_query(schema: Schema, answer: PipeAnswer) -> tuple[SentQuery]:
    """The query behind an answer of a pipe."""
    return (SentQuery("Tinybird pipe", schema.resource, answer.params),)


def series_frame(
    tinybird: Tinybird, schema: Schema, params: Mapping[str, PipeParameter], buckets: Buckets
) -> Answer[pd.DataFrame]:
    """Reads a pipe with a row per period and bucket and checks that they are the requested buckets.

    A pipe of another version ignores parameters that it does not know, and would answer with UTC days.
    """
    answer = pipe_frame(tinybird, schema, params)
    for which, expected in (("current", buckets.starts), ("previous", buckets.prev_starts)):
        rows = answer.value[answer.value["period"] == which].sort_values("bucket_index")
        check_starts(schema, rows["bucket_start"], expected)
    return answer


def period_frame(tinybird: Tinybird, schema: Schema, website_id: str, bounds: Bounds) -> Answer[pd.DataFrame]:
    """Reads a pipe with a row per period, checks that they are the requested periods, and makes them the index."""
    answer = pipe_frame(tinybird, schema, {"website_id": website_id, **bounds.params()})
    check_periods(schema, answer.value, bounds)
    rows = answer.value.set_index("period")
    return replace(answer, value=rows.drop(columns=["starts_at", "ends_at"]))


def check_periods(schema: Schema, rows: pd.DataFrame, bounds: Bounds) -> None:
    """Checks that rows are of the two requested periods.

    Raises:
        SchemaMismatch: Others are there, or one is missing.
    """
    edges = rows[["starts_at", "ends_at"]].map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}")
    found = set(zip(rows["period"], edges["starts_at"], edges["ends_at"], strict=True))
    if found != {
        ("current", bounds.date_from, bounds.date_to),
        ("previous", bounds.prev_date_from, bounds.prev_date_to),
    }:
        raise schema.mismatch("it has other periods than the requested ones")


def check_starts(schema: Schema, starts: pd.Series, expected: str) -> None:
    """Checks that rows start at the requested instants, in order.

    Raises:
        SchemaMismatch: Others are there, or one is missing.
    """
    if clock.unix_seconds(start.to_pydatetime() for start in starts) != expected:
        raise schema.mismatch("it has other buckets than the requested ones")


def sql_frame(
    postgres: Postgres, schema: Schema, statement: str, params: Mapping[str, SqlParameter]
) -> Answer[pd.DataFrame]:
    """Reads the rows of a statement and checks them against its schema."""
    answer = postgres.read(schema.resource, statement, params)
    sent = {name: str(value) for name, value in params.items() if value is not None}
    query = SentQuery("Postgres query", schema.resource, sent)
    return Answer(schema.frame(answer.columns, answer.rows), answer.read_at, (query,))


def text_or_none(value: object) -> str | None:
    """The text of a cell; None for an empty cell."""
    return value if isinstance(value, str) else None


def instant_or_none(value: object) -> datetime | None:
    """The timestamp of a cell; None for an empty cell."""
    return None if pd.isna(cast("pd.Timestamp", value)) else cast("pd.Timestamp", value).to_pydatetime()
