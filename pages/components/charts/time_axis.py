"""The time axis of a chart: one label per bucket, and the positions of the previous period's buckets on it.

Computes no metric and draws no line.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analytics.scope.clock import Bucket
from pages.components.theme_colors import Palette

TICK_COUNT = 7


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of the buckets of two periods on one axis.

    Attributes:
        now: One distinct label per bucket of the current period.
        past: The labels of the previous period's buckets: that of the matching bucket in `now`, or one of its own.
        all: The axis from left to right: `now`, and the labels that only `past` has, in order.
    """

    now: list[str]
    past: list[str]
    all: list[str]


def labels_of(now_starts: pd.Series, past_starts: pd.Series, bucket: Bucket) -> Labels:
    """The labels of both periods: hours and days are matched by day number and local time, weeks by position.

    A bucket that only one period has gets its own position: an hour that a clock change repeats or skips, the last days of
    a longer month.

    Starts are in the periods' timezone; the previous period may have none.
    """
    now = bucket_labels(now_starts, bucket)
    if not len(now_starts) or not len(past_starts):
        return Labels(now, [], now)
    now_readings, past_readings = now_starts.dt.tz_localize(None), past_starts.dt.tz_localize(None)
    if bucket == "week":
        later = [now_readings.iloc[-1] + pd.Timedelta(weeks=week + 1) for week in range(len(past_starts))]
        past_readings = pd.concat([now_readings, pd.Series(later)], ignore_index=True)[: len(past_starts)]
    else:
        past_readings += now_readings.iloc[0].normalize() - past_readings.iloc[0].normalize()
    past = _labels(past_readings, _form(now_starts, bucket))
    axis = list(zip(now_readings, now, strict=True))
    for reading, label in zip(past_readings, past, strict=True):
        if label not in now:
            place = max((at for at, (before, _) in enumerate(axis, 1) if before <= reading), default=0)
            axis.insert(place, (reading, label))
    return Labels(now, past, [label for _, label in axis])


def bucket_labels(starts: pd.Series, bucket: Bucket) -> list[str]:
    """One distinct label per bucket; the hour that a clock change repeats is marked."""
    return _labels(starts, _form(starts, bucket))


def _form(starts: pd.Series, bucket: Bucket) -> str:
    one_day = len(starts) > 0 and starts.iloc[0].date() == starts.iloc[-1].date()
    return {"hour": "%H:%M" if one_day else "%a %H:%M", "day": "%a %-d %b", "week": "from %-d %b"}[bucket]


def _labels(starts: pd.Series, form: str) -> list[str]:
    labels: list[str] = []
    for start in starts:
        label = start.strftime(form)
        labels.append(f"{label} (again)" if label in labels else label)
    return labels


def lay_time_axis(
    figure: go.Figure,
    starts: pd.Series,
    bucket: Bucket,
    colours: Palette,
    categories: list[str] | None = None,
) -> None:
    """Lay out the time axis of a chart: labels for some of the buckets, in two short lines that fit on a phone.

    `categories` are all labels from left to right; None for those of `starts`, the current period's buckets.
    """
    labels = bucket_labels(starts, bucket)
    step = max(1, -(-len(labels) // TICK_COUNT))
    figure.update_xaxes(
        type="category",
        categoryorder="array",
        categoryarray=categories or labels,
        tickvals=labels[::step],
        ticktext=tick_texts(starts[::step], labels[::step], bucket),
        tickangle=0,
        showspikes=False,
        tickfont={"color": colours.muted},
        automargin=True,
        # Tick labels leave the month out; the hover shows the complete label.
        unifiedhovertitle={"text": "%{x}"},
    )


def tick_texts(starts: pd.Series, labels: list[str], bucket: Bucket) -> list[str]:
    """The labels in two lines; the month only where it changes.

    >>> days = pd.Series(pd.to_datetime(["2026-11-29", "2026-11-30", "2026-12-01"]))
    >>> tick_texts(days, ["Sun 29 Nov", "Mon 30 Nov", "Tue 1 Dec"], "day")
    ['Sun<br>29 Nov', 'Mon<br>30', 'Tue<br>1 Dec']
    """
    if bucket == "hour":
        return [label.replace(" ", "<br>", 1) for label in labels]
    forms = {"day": ("%a<br>%-d", " %b"), "week": ("%-d", "<br>%b")}[bucket]
    months = [start.month for start in starts]
    return [
        start.strftime(forms[0] + forms[1] * (month != before))
        for start, month, before in zip(starts, months, [None, *months], strict=False)
    ]
