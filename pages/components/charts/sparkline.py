"""Sparkline below a number: a bar for each bucket, from zero, with its day and value on hover.

Owns the look of a sparkline. A bucket without a value has no bar, a value of zero is a line, and a bucket that is only
partly in the period, such as the current one, is an outline.
"""

from collections.abc import Collection
from dataclasses import dataclass
from html import escape

import pandas as pd
import streamlit as st

from analytics.kpis.declarations import Metric
from analytics.scope.clock import Bucket
from pages.components import formatting
from pages.components.charts import time_axis
from pages.components.theme_colors import palette

HEIGHT_PX = 28


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket.

    Attributes:
        label: The hour, day or week.
        value: None without a value.
        text: The value as text.
        is_part: True for a bucket that is only partly in the period.
    """

    label: str
    value: float | None
    text: str
    is_part: bool

    @property
    def when(self) -> str:
        """The label, with a note if the bucket is only partly in the period."""
        return f"{self.label}, in part" if self.is_part else self.label


def points_of(
    series: pd.DataFrame | None, metrics: Collection[Metric], bucket: Bucket
) -> dict[str, tuple[Point, ...]]:
    """The points of each metric by its key, one per bucket of the current period; none without a series or any value."""
    points: dict[str, tuple[Point, ...]] = {metric.key: () for metric in metrics}
    if series is None:
        return points
    rows = series[series["period"] == "current"]
    labels = time_axis.bucket_labels(rows["bucket_start"], bucket)
    are_complete = rows["is_complete"].tolist()
    for metric in metrics:
        values = [None if pd.isna(value) else float(value) for value in rows[metric.column].tolist()]
        if any(value is not None for value in values):
            points[metric.key] = tuple(
                Point(label, value, formatting.value_of(metric.kind, value), not is_complete)
                for label, value, is_complete in zip(labels, values, are_complete, strict=True)
            )
    return points


def draw(points: tuple[Point, ...], title: str) -> None:
    """Draw a sparkline; nothing without points."""
    if points:
        st.html(_html(points, title, palette().accent))


def _html(points: tuple[Point, ...], title: str, colour: str) -> str:
    known = [point for point in points if point.value is not None]
    highest = max((point.value for point in known if point.value is not None), default=0.0)
    bars = "".join(_bar(point, highest) for point in points)
    last = known[-1]
    top = max(known, key=lambda point: point.value or 0.0)
    alt = f"{title} over time: highest {top.text} on {top.when}, last {last.text} on {last.when}"
    return (
        f'<div class="sparkline" role="img" aria-label="{escape(alt)}" style="height:{HEIGHT_PX}px;color:{colour}">'
        f"{bars}</div>"
    )


def _bar(point: Point, highest: float) -> str:
    if point.value is None:
        return f'<span title="{escape(point.label)}: no value"></span>'
    share = 100 * max(point.value, 0.0) / highest if highest > 0 else 0.0
    said = f"{point.when}: {point.text}"
    kind = ' class="part"' if point.is_part else ""
    return f'<span title="{escape(said)}"><i{kind} style="height:{share:.1f}%"></i></span>'
