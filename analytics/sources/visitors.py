"""Reads for the page Visitors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import pandas as pd

from analytics import schemas
from analytics.readings import Answer
from analytics.sources.query import Bounds, Buckets, pipe_frame, series_frame
from analytics.transports.tinybird import Tinybird
from analytics.transports.tinybird_messages import Parameter as PipeParameter

BREAKDOWN_LIMIT: Final = 300
"""Most values of each dimension in one answer, most visitors first: more than there are countries."""

UNKNOWN: Final = "-"
"""Parameter value for events without a country, city, device, browser or page."""


@dataclass(frozen=True, slots=True)
class VisitorFilters:
    """What visitors are narrowed to; None is no filter and an empty text means "not known".

    Attributes:
        country_code: ISO 3166 alpha-2.
        city: A city's name.
        city_country_code: Which country that city is in; beside `city` alone.
        device_type: desktop, mobile, tablet, or whatever was sent.
        browser: A browser's name.
        page_url: A page's address as it was sent.
    """

    country_code: str | None = None
    city: str | None = None
    city_country_code: str | None = None
    device_type: str | None = None
    browser: str | None = None
    page_url: str | None = None

    def params(self) -> dict[str, str]:
        """The pipe parameters; none for what is not filtered."""
        return {name: value or UNKNOWN for name, value in asdict(self).items() if value is not None}


def visitor_breakdown(
    tinybird: Tinybird,
    website_id: str,
    bounds: Bounds,
    days: Buckets,
    filters: VisitorFilters,
    *,
    dimension: str | None = None,
    limit: int = BREAKDOWN_LIMIT,
    offset: int = 0,
) -> Answer[pd.DataFrame]:
    """One row per (dimension, value), as in `schemas.VISITOR_BREAKDOWN`, most visitors first.

    The row of the dimension `total` is there unless values are skipped.

    Args:
        tinybird: The client.
        website_id: The website.
        bounds: Both periods.
        days: Where the days of both periods start.
        filters: What to narrow them to.
        dimension: Only the values of this one; None for all.
        limit: At most so many values of each dimension.
        offset: Values of each dimension to skip.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `visitor_breakdown`.
    """
    params: dict[str, PipeParameter] = {
        "website_id": website_id,
        **bounds.params(),
        **days.params(),
        **filters.params(),
        "dimension": dimension,
        "limit": limit,
        "offset": offset or None,
    }
    schema = schemas.VISITOR_BREAKDOWN
    answer = pipe_frame(tinybird, schema, params, is_rest=offset > 0)
    for column, starts in (("visitors_by_day", days.starts), ("previous_visitors_by_day", days.prev_starts)):
        if (answer.value[column].map(len) != starts.count(",") + 1).any():
            raise schema.mismatch("it has other days than the requested ones")
    return answer


def visitor_timeseries(
    tinybird: Tinybird, website_id: str, bounds: Bounds, buckets: Buckets, filters: VisitorFilters
) -> Answer[pd.DataFrame]:
    """One row per (period, bucket), zero-filled, as in `schemas.VISITOR_TIMESERIES`; no rows for an empty period.

    Raises:
        SourceError: As `Tinybird.query_pipe`, or `SchemaMismatch`.

    Source: `visitor_timeseries`.
    """
    params: dict[str, PipeParameter] = {
        "website_id": website_id,
        **bounds.params(),
        **filters.params(),
        **buckets.params(),
    }
    return series_frame(tinybird, schemas.VISITOR_TIMESERIES, params, buckets)
