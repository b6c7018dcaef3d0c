"""Who a website's visitors are: totals with their change, shares by dimension, and the course over time. Pure.

A count is compared by Poisson intervals. Sessions and page views come in bundles, one per visitor, so they are taken
for no more certain than the number of visitors behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import pandas as pd

from analytics import countries, intervals, metrics, periods, timeseries
from analytics.clock import Bucket
from analytics.intervals import Interval
from analytics.metrics import Delta, Gate
from analytics.views import ResolvedView

Count = Literal["visitors", "sessions", "page_views"]
Dimension = Literal["country", "city", "device", "browser", "page"]

COUNTS: Final[tuple[Count, ...]] = ("visitors", "sessions", "page_views")
DIMENSIONS: Final[tuple[Dimension, ...]] = ("country", "city", "device", "browser", "page")
VALUE_COLUMNS: Final = (
    "dimension",
    "value",
    "country_code",
    "country",
    "visitors",
    "visitors_ratio",
    "sessions",
    "page_views",
    "previous_visitors",
    "change_ratio",
    "verdict",
)
SERIES_COLUMNS: Final = (
    "period",
    "bucket_index",
    "bucket_start",
    "bucket_end",
    "aligned_start",
    "is_complete",
    *COUNTS,
)


@dataclass(frozen=True, slots=True)
class Total:
    """One count over the whole period.

    Attributes:
        value: How many; None where visitor data does not reach.
        previous: The same of the period before; None when not compared.
        delta: The change.
    """

    value: int | None
    previous: int | None
    delta: Delta


@dataclass(frozen=True, slots=True)
class Audience:
    """Who the visitors of a period are.

    Attributes:
        totals: Visitors, sessions and page views.
        values: One row per (dimension, value) with a visitor or page view in the period, most visitors first; see
            `cached.visitor_breakdown` for the columns.
    """

    totals: Mapping[Count, Total]
    values: pd.DataFrame

    @property
    def is_empty(self) -> bool:
        """True when nobody was there and nothing was viewed."""
        return not any(total.value for total in self.totals.values())

    def of(self, dimension: Dimension) -> pd.DataFrame:
        """The values of one dimension, most visitors first."""
        return self.values[self.values["dimension"] == dimension].reset_index(drop=True)


def audience(rows: pd.DataFrame | None, resolved: ResolvedView) -> Audience:
    """Totals and shares of a view.

    Args:
        rows: As in `schemas.VISITOR_BREAKDOWN`; None when visitor data does not reach the period at all.
        resolved: What may be compared.
    """
    gate = Gate(resolved.is_compared, resolved.visitors_comparable)
    if rows is None:
        nothing = Total(None, None, Delta(None, "relative", "off"))
        return Audience(dict.fromkeys(COUNTS, nothing), pd.DataFrame(columns=list(VALUE_COLUMNS)))
    total = rows[rows["dimension"] == "total"].iloc[0]
    is_read = gate.is_compared and gate.comparable.is_ok
    totals = {name: _total(total, name, gate) for name in COUNTS}
    values = rows[
        (rows["dimension"] != "total") & ((rows["visitors"] > 0) | (rows["page_views"] > 0))
    ].reset_index(drop=True)
    deltas = [
        change(int(now), int(before), gate)
        for now, before in zip(values["visitors"], values["previous_visitors"], strict=True)
    ]
    everybody = int(total["visitors"])
    has_country = values["dimension"].isin(["country", "city"])
    values = values.assign(
        country=[
            countries.name_of(code) if has else ""
            for code, has in zip(values["country_code"], has_country, strict=True)
        ],
        visitors_ratio=values["visitors"] / everybody if everybody else float("nan"),
        previous_visitors=values["previous_visitors"].astype("float64")
        if is_read
        else pd.Series(float("nan"), index=values.index, dtype="float64"),
        change_ratio=pd.Series([delta.change for delta in deltas], dtype="float64"),
        verdict=pd.Series([delta.verdict for delta in deltas], dtype="str"),
    )
    return Audience(totals, values[list(VALUE_COLUMNS)])


def change(current: int, previous: int, gate: Gate, *, visitors: tuple[int, int] | None = None) -> Delta:
    """The change of a count against the period before; more is better.

    Args:
        current: The count of the period shown.
        previous: The count of the period before.
        gate: Whether they may be compared.
        visitors: How many visitors made each of the two, when the counts are of something else.

    >>> from analytics.tiers import Comparable
    >>> gate = Gate(True, Comparable(True, None, 15))
    >>> change(300, 200, gate).verdict, change(300, 290, gate).verdict, change(5, 0, gate).change
    ('better', 'within_noise', None)
    """
    if not gate.is_compared:
        return Delta(None, "relative", "off")
    if not gate.comparable.is_ok:
        return Delta(None, "relative", "not_comparable", gate.comparable.reason, gate.comparable.longest_days)
    ratio = metrics.relative_change(current, previous)
    if ratio is None:
        return Delta(None, "relative", "not_comparable", "the period before is at zero")
    behind = visitors or (current, previous)
    if _interval(current, behind[0]).overlaps(_interval(previous, behind[1])):
        return Delta(ratio, "relative", "within_noise", "the 95 % intervals of the two periods overlap")
    return Delta(ratio, "relative", "better" if ratio > 0 else "worse")


def series(rows: pd.DataFrame, resolved: ResolvedView) -> pd.DataFrame:
    """One row per (period, bucket), sorted by both, with `SERIES_COLUMNS`; see `cached.visitor_timeseries`.

    Args:
        rows: As in `schemas.VISITOR_TIMESERIES`.
        resolved: The periods.
    """
    sides = ("current", "previous") if is_compared(resolved) else ("current",)
    parts = [_side(rows[rows["period"] == which], resolved, which) for which in sides]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def is_compared(resolved: ResolvedView) -> bool:
    """True when the period before is read and shown."""
    return resolved.is_compared and resolved.visitors_comparable.is_ok


def bucket_of(resolved: ResolvedView) -> Bucket:
    """How finely to draw visitors: by the period that they reach, which may be shorter than that of conversations."""
    return periods.bucket_for(resolved.visitors)


def _total(row: pd.Series, name: Count, gate: Gate) -> Total:
    value, previous = int(row[name]), int(row[f"previous_{name}"])
    behind = int(row["visitors"]), int(row["previous_visitors"])
    delta = change(value, previous, gate, visitors=behind)
    return Total(value, previous if gate.is_compared and gate.comparable.is_ok else None, delta)


def _interval(count: int, visitors: int) -> Interval:
    """The Poisson interval of the count itself, or that of its visitors scaled up to it when that is wider."""
    if not 0 < visitors < count:
        return intervals.poisson(count)
    of_visitors, each = intervals.poisson(visitors), count / visitors
    return Interval(of_visitors.low * each, of_visitors.high * each)


def _side(rows: pd.DataFrame, resolved: ResolvedView, which: str) -> pd.DataFrame:
    period = resolved.visitors if which == "current" else resolved.previous
    drawn = replace(resolved, bucket=bucket_of(resolved))
    zone = period.timezone
    part = rows.sort_values("bucket_index", ignore_index=True)
    starts = part["bucket_start"]
    ends = starts.shift(-1).fillna(pd.Timestamp(period.end))
    edges = [(start.to_pydatetime(), end.to_pydatetime()) for start, end in zip(starts, ends, strict=True)]
    days = (resolved.conversations.local_days()[0] - resolved.previous.local_days()[0]).days
    back = 0 if which == "current" else days
    aligned = [periods.shifted(start, -back, zone) for start, _ in edges]
    part = part.assign(
        bucket_start=starts.dt.tz_convert(zone.key),
        bucket_end=ends.dt.tz_convert(zone.key),
        aligned_start=pd.Series(aligned, dtype="datetime64[us, UTC]").dt.tz_convert(zone.key),
        is_complete=pd.Series(
            [timeseries.is_complete(start, end, drawn, period) for start, end in edges], dtype="bool"
        ),
    )
    return part[list(SERIES_COLUMNS)]
