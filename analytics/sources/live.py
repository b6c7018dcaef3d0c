"""Reads for the page Live."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pandas as pd

from analytics import schemas
from analytics.readings import Answer
from analytics.sources.query import pipe_frame
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter as PipeParameter

ACTIVE_VISITORS_LIMIT: Final = 1000
"""Rows of `active_visitors` in one answer, newest first."""

ACTIVITY_MINUTES: Final = 30


def active_visitors(
    tinybird: Tinybird,
    website_id: str,
    minutes: int,
    bounds: tuple[float, float, float, float] | None = None,
    limit: int = ACTIVE_VISITORS_LIMIT,
) -> Answer[pd.DataFrame]:
    """One row per visitor seen in the last minutes, newest first.

    Args:
        tinybird: The client.
        website_id: The website.
        minutes: Length of the window that ends now.
        bounds: South and west (inclusive), north and east (exclusive) of where they are, degrees; None for anywhere.
        limit: At most so many rows, up to 100,000.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `active_visitors`.
    """
    params: dict[str, PipeParameter] = {
        "website_id": website_id,
        "minutes": minutes,
        "limit": limit,
    }
    if bounds is not None:
        params |= dict(zip(("south", "west", "north", "east"), map(repr, bounds), strict=True))
    return pipe_frame(tinybird, schemas.ACTIVE_VISITORS, params)


def visitor_locations(tinybird: Tinybird, website_id: str, minutes: int) -> Answer[pd.DataFrame]:
    """One row per place with visitors in the last minutes, most visitors first; those without a place are one of them.

    No rows without visitors: the pipe's row of those without a place, which is in every answer, is left out when it is 0.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `visitor_locations`.
    """
    schema = schemas.VISITOR_LOCATIONS
    answer = pipe_frame(tinybird, schema, {"website_id": website_id, "minutes": minutes})
    rows = answer.value
    if rows["latitude"].isna().sum() != 1:
        raise schema.mismatch("it does not have one row for the visitors without a place")
    return replace(answer, value=rows[rows["visitors"] > 0].reset_index(drop=True))


def visitor_activity(tinybird: Tinybird, website_id: str) -> Answer[pd.DataFrame]:
    """One row per minute of the last `ACTIVITY_MINUTES`, oldest first, zero-filled.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `visitor_activity`.
    """
    schema = schemas.VISITOR_ACTIVITY
    answer = pipe_frame(tinybird, schema, {"website_id": website_id, "minutes": ACTIVITY_MINUTES})
    minutes = answer.value["minute"]
    if len(minutes) != ACTIVITY_MINUTES or (minutes.diff().iloc[1:] != timedelta(minutes=1)).any():
        raise schema.mismatch(f"it does not have a row for each of the last {ACTIVITY_MINUTES} minutes")
    return answer
