"""Breakdown of visitors: totals with their change, shares by dimension, and values over time. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Literal

import pandas as pd

from analytics.geo import countries
from analytics.kpis import timeseries
from analytics.kpis.declarations import Metric
from analytics.kpis.intervals import ArrivalCount
from analytics.kpis.metrics import Kpi, compared_kpi
from analytics.scope.views import ResolvedView

TotalKey = Literal["visitors", "sessions", "page_views"]
DimensionName = Literal["country_code", "page_url", "city", "device_type", "browser"]

_DEFINITIONS: Final[dict[TotalKey, tuple[str, str]]] = {
    "visitors": (
        "Unique visitors",
        "Different visitors seen on the website; one who comes back counts once.",
    ),
    "sessions": ("Sessions", "Visits of those visitors; one who comes back later begins another."),
    "page_views": ("Page views", "Pages opened; a page opened twice counts twice."),
}
TOTALS: Final[dict[TotalKey, Metric]] = {
    key: Metric(
        key=key,
        title=title,
        label=key.replace("_", " ").capitalize(),
        definition=definition,
        kind="count",
        direction="higher",
        column=key,
        n_of=key.replace("_", " "),
        nothing="No visitor data",
    )
    for key, (title, definition) in _DEFINITIONS.items()
}
"""The counts of a website's visitors, in the order of the cards."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension that visitors are broken down and filtered by.

    Attributes:
        name: Its only name: the pipe's dimension and parameter, the field of `VisitorFilters`, the URL parameter, and the
            column of files.
        title: Title of its panel.
        one: Noun of a value.
        many: Plural of `one`.
        place: Columns with the place of a value, beside the value itself.
    """

    name: DimensionName
    title: str
    one: str
    many: str
    place: tuple[str, ...] = ()


DIMENSIONS: Final[dict[DimensionName, Dimension]] = {
    dimension.name: dimension
    for dimension in (
        Dimension("country_code", "Countries", "country", "countries", place=("country",)),
        Dimension("page_url", "Top pages", "page", "pages"),
        Dimension("city", "Cities", "city", "cities", place=("country_code", "country")),
        Dimension("device_type", "Devices", "device", "devices"),
        Dimension("browser", "Browsers", "browser", "browsers"),
    )
}
"""In the order of their panels."""

VALUE_COLUMNS: Final = (
    *("dimension", "value", "country_code", "country"),
    *("visitors", "visitors_ratio", "sessions", "page_views", "previous_visitors"),
    *("change_ratio", "change_low_ratio", "change_high_ratio", "verdict", "reason", "is_twofold"),
)
SERIES_COLUMNS: Final = (*timeseries.BUCKETS, *TOTALS)


@dataclass(frozen=True, slots=True)
class VisitorBreakdown:
    """The visitors of a period.

    Attributes:
        totals: Visitors, sessions and page views.
        values: For each dimension one row per value with a visitor or page view in the period, most visitors first; see
            `cached.visitor_breakdown` for the columns. Do not change them.
    """

    totals: Mapping[TotalKey, Kpi]
    values: Mapping[DimensionName, pd.DataFrame]

    @property
    def is_empty(self) -> bool:
        """True without visitors, sessions and page views."""
        return not any(total.value for total in self.totals.values())

    def differs(self, low: float, high: float) -> bool:
        """True when the change of all visitors lies outside the interval of a value's change; NaN ends are not known."""
        change = self.totals["visitors"].delta.change
        return change is not None and (change < low or change > high)


def breakdown(rows: pd.DataFrame | None, resolved: ResolvedView) -> VisitorBreakdown:
    """Compute totals and shares of `schemas.VISITOR_BREAKDOWN`; None when visitor data does not reach the period."""
    if rows is None:
        nothing = {name: _total(None, metric, resolved) for name, metric in TOTALS.items()}
        return VisitorBreakdown(nothing, _by_dimension(pd.DataFrame(columns=list(VALUE_COLUMNS))))
    is_read = resolved.visitors_comparability.is_shown
    total = rows[rows["dimension"] == "total"].to_dict("records")[0]
    totals = {name: _total(total, metric, resolved) for name, metric in TOTALS.items()}
    values = rows[
        (rows["dimension"] != "total") & ((rows["visitors"] > 0) | (rows["page_views"] > 0))
    ].reset_index(drop=True)
    deltas = [_total(row, TOTALS["visitors"], resolved).delta for row in values.to_dict("records")]
    all_visitors = int(total["visitors"])
    has_country = values["dimension"].isin([each.name for each in DIMENSIONS.values() if each.place])
    values = values.assign(
        country=[
            countries.name_of(code) if has else ""
            for code, has in zip(values["country_code"], has_country, strict=True)
        ],
        visitors_ratio=values["visitors"] / all_visitors if all_visitors else float("nan"),
        previous_visitors=values["previous_visitors"].astype("float64")
        if is_read
        else pd.Series(float("nan"), index=values.index, dtype="float64"),
        change_ratio=pd.Series([delta.change for delta in deltas], dtype="float64"),
        change_low_ratio=pd.Series([delta.low for delta in deltas], dtype="float64"),
        change_high_ratio=pd.Series([delta.high for delta in deltas], dtype="float64"),
        verdict=pd.Series([delta.verdict for delta in deltas], dtype="str"),
        reason=pd.Series([delta.reason for delta in deltas], dtype="str"),
        is_twofold=pd.Series([delta.is_twofold for delta in deltas], dtype="bool"),
    )
    return VisitorBreakdown(totals, _by_dimension(values[list(VALUE_COLUMNS)]))


def _by_dimension(values: pd.DataFrame) -> dict[DimensionName, pd.DataFrame]:
    return {name: values[values["dimension"] == name].reset_index(drop=True) for name in DIMENSIONS}


def series(rows: pd.DataFrame, resolved: ResolvedView) -> pd.DataFrame:
    """One row per (period, bucket) of `schemas.VISITOR_TIMESERIES`, sorted, with `SERIES_COLUMNS`."""
    sides = ("current",) if resolved.visitors_before is None else ("current", "previous")
    parts = [_side(rows[rows["period"] == which], resolved, which) for which in sides]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _total(row: Mapping[Hashable, Any] | None, metric: Metric, resolved: ResolvedView) -> Kpi:
    """A count of a row with its change; more is better. None means that nothing was counted."""
    now, before = (
        None if row is None else _count(row, metric, prefix, period.duration)
        for prefix, period in (("", resolved.visitor_period), ("previous_", resolved.previous))
    )
    return compared_kpi(
        metric,
        now,
        before,
        resolved.visitors_comparability,
        # The page says once since when visitors are counted.
        limit_note=resolved.visitors_note if row is None else None,
        since=None if row is None else resolved.visitors_since,
    )


def _count(row: Mapping[Hashable, Any], metric: Metric, prefix: str, length: timedelta) -> ArrivalCount:
    """A count of a row, with the number of visitors for sessions and page views, which are not independent."""
    return ArrivalCount(
        int(row[f"{prefix}{metric.column}"]),
        length.total_seconds() / 3600,
        row[f"{prefix}{metric.column}_by_day"],
        None if metric.key == "visitors" else int(row[f"{prefix}visitors"]),
    )


def _side(rows: pd.DataFrame, resolved: ResolvedView, which: str) -> pd.DataFrame:
    period = resolved.visitor_period if which == "current" else resolved.previous
    part = rows.sort_values("bucket_index", ignore_index=True)
    drawn = replace(resolved, bucket=resolved.visitors_bucket)
    return timeseries.with_edges(part, resolved.visitor_period, period, drawn)[list(SERIES_COLUMNS)]
