"""Values of the page Visitors."""

from __future__ import annotations

from typing import Final

import pandas as pd

from analytics import schemas, sources
from analytics.cached.reading import computed, connections, numbers_ttl
from analytics.cached.shared.question import question
from analytics.cached.view import OpenedView, readable
from analytics.cached.whole import PAGE_ROWS, Whole, at_once, mapped, whole
from analytics.kpis.visitor_breakdown import DimensionName, VisitorBreakdown, breakdown, series
from analytics.readings import Answer, Reading
from analytics.scope.views import ResolvedView
from analytics.sources import Bounds, Buckets, VisitorFilters

LISTED_VALUES: Final = sources.BREAKDOWN_LIMIT
"""As many values of a dimension are read; as many rows or more mean that there may be others."""


def visitor_breakdown(view: OpenedView, filters: VisitorFilters) -> Reading[VisitorBreakdown]:
    """Visitors, sessions and page views of a view, and who they are.

    `values` has, for each dimension, one row per value with a visitor or page view in the period, most visitors first:
        dimension (string): one of `DimensionName`.
        value (string): untrusted text; empty where not known.
        country_code (string): of a country or city, two capital letters or empty; empty otherwise.
        country (string): its name, "Unknown" where it is not known; empty for other dimensions.
        visitors, sessions, page_views (int): distinct visitors, distinct sessions, page views.
        visitors_ratio (float, 0..1): share of all visitors; shares of a dimension may add up to more than 1.
        previous_visitors (float): of the period before; NaN when not compared.
        change_ratio, change_low_ratio, change_high_ratio (float): change of visitors per hour and its 95 % interval; NaN
            when not compared or from zero.
        verdict, reason (string), is_twofold (bool): as in `verdicts.Delta`; no reason where that has none.

    Where visitor data does not reach the period at all, totals are None and `values` has no rows; no query is sent.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `visitor_breakdown`.
    """
    resolved = readable(view)
    if resolved.visitor_period.is_empty:
        return Reading(breakdown(None, resolved), resolved.now)
    bounds = Bounds.of(resolved.visitor_period, resolved.visitors_before)
    return computed(
        resolved,
        (resolved.last_good_key("visitor_breakdown", resolved.visitor_period), filters),
        _visitor_breakdown(resolved.website.id, bounds, _days_of(resolved), filters),
        breakdown,
        schemas.VISITOR_BREAKDOWN,
    )


def every_visitor_value(view: OpenedView, filters: VisitorFilters, dimension: DimensionName) -> Whole:
    """All values of a dimension, most visitors first, for a file: the `values` of `visitor_breakdown`, and the others.

    Args:
        view: The opened view.
        filters: Filter of the visitors.
        dimension: Which values.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read.

    Source: `visitor_breakdown`.
    """
    listed = visitor_breakdown(view, filters).value.values[dimension]
    if len(listed) < LISTED_VALUES:
        return at_once(listed)
    resolved = readable(view)
    bounds = Bounds.of(resolved.visitor_period, resolved.visitors_before)

    def read(offset: int) -> pd.DataFrame:
        return sources.visitor_breakdown(
            connections().tinybird,
            resolved.website.id,
            bounds,
            _days_of(resolved),
            filters,
            dimension=dimension,
            limit=PAGE_ROWS,
            offset=offset,
        ).value

    first = read(0)
    total = first[first["dimension"] == "total"]

    def ask(offset: int) -> pd.DataFrame:
        rows = read(offset) if offset else first
        return rows[rows["dimension"] != "total"]

    return mapped(
        whole(ask, "value", "country_code", has_total=False),
        lambda rows: breakdown(pd.concat([total, rows], ignore_index=True), resolved).values[dimension],
    )


def visitor_timeseries(view: OpenedView, filters: VisitorFilters) -> Reading[pd.DataFrame]:
    """Visitors over time: one row per (period, bucket), sorted by both.

    Columns:
        period (string): `current` or `previous`; no `previous` rows when not comparable or not compared.
        bucket_index (int): 0-based within its period.
        bucket_start (datetime, the view's timezone): first instant of the bucket inside the period.
        bucket_end (datetime, the view's timezone): first instant after it.
        aligned_start (datetime, the view's timezone): where to draw the bucket, as in `kpi_timeseries`.
        is_complete (bool): False for a bucket that the period cuts or that is not over yet.
        visitors, sessions, page_views (float, count per bucket): NaN where visitor data does not reach; visitors
            and sessions do not add up.

    Where visitor data does not reach the period at all there are no rows; no query is sent.

    Raises:
        AccessDenied: The website is not the viewer's, or not there.
        SourceError: Tinybird could not be read and there is no last good value.

    Source: `visitor_timeseries`.
    """
    resolved = readable(view)
    if resolved.visitor_period.is_empty:
        return Reading(series(schemas.VISITOR_TIMESERIES.empty(), resolved), resolved.now)
    bounds = Bounds.of(resolved.visitor_period, resolved.visitors_before)
    buckets = Buckets.of(resolved.visitors_bucket, resolved.visitor_period, resolved.visitors_before)
    return computed(
        resolved,
        (resolved.last_good_key("visitor_timeseries", resolved.visitor_period), filters),
        _visitor_timeseries(resolved.website.id, bounds, buckets, filters),
        series,
        schemas.VISITOR_TIMESERIES,
    )


@question("tinybird", numbers_ttl)
def _visitor_breakdown(
    website_id: str, bounds: Bounds, days: Buckets, filters: VisitorFilters
) -> Answer[pd.DataFrame]:
    return sources.visitor_breakdown(connections().tinybird, website_id, bounds, days, filters)


def _days_of(resolved: ResolvedView) -> Buckets:
    """The days of both periods; none where nothing is compared, because only the verdict needs them."""
    if resolved.visitors_before is None:
        return Buckets("", "")
    return Buckets.of("day", resolved.visitor_period, resolved.visitors_before)


@question("tinybird", numbers_ttl)
def _visitor_timeseries(
    website_id: str, bounds: Bounds, buckets: Buckets, filters: VisitorFilters
) -> Answer[pd.DataFrame]:
    return sources.visitor_timeseries(connections().tinybird, website_id, bounds, buckets, filters)
