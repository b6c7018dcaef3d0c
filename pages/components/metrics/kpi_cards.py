"""KPI cards: the number, whether it moved, whether that can be trusted, and on how much it rests.

Owns the words and the layout of a card. Values, changes and verdicts come ready from `analytics.kpis.metrics`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import streamlit as st

from analytics import cached
from analytics.cached import OpenedView, Question
from analytics.kpis.metrics import KPI_ORDER, Kpi, KpiBoard, KpiKey
from analytics.kpis.verdicts import Unit
from analytics.scope.clock import Bucket
from pages.components.charts import sparkline
from pages.components.charts.timeseries import METRICS, MetricKey
from pages.components.metrics import changes, explain, median_mix
from pages.components.page.panel import failure

CARD_MIN_WIDTH_PX = 120
METRIC_OF: dict[KpiKey, MetricKey] = {
    "median_response": "response",
    "median_resolution": "resolution",
    "ai_handled": "ai",
    "satisfaction": "satisfaction",
    "unique_visitors": "visitors",
}
MEASURES: dict[KpiKey, changes.Measures] = {
    "median_response": "time",
    "median_resolution": "time",
    "ai_handled": "score",
    "satisfaction": "score",
    "unique_visitors": "count",
}
COLUMN_UNITS: dict[KpiKey, str] = {
    "median_response": "seconds",
    "median_resolution": "seconds",
    "ai_handled": "ratio",
    "satisfaction": "points",
    "unique_visitors": "visitors",
}
READINGS = (
    "kpi",
    "value",
    "n",
    "n_of",
    "counted_since",
    "previous_value",
    "previous_n",
    "change",
    "change_low",
    "change_high",
    "change_of",
    "change_of_each_handler",
    "change_of_their_mix",
    "verdict",
    "reason",
    "interval_low",
    "interval_high",
    "mean",
    "p90",
    "missing",
)
"""In the order of the columns of their file."""

CHANGE_UNITS: dict[Unit, str] = {"relative": "ratio", "pp": "percentage_points", "points": "points"}


@dataclass(frozen=True, slots=True)
class _Wording:
    title: str
    definition: str


WORDING: dict[KpiKey, _Wording] = {
    "median_response": _Wording(
        "Median response", "Half of the conversations got their first answer within this time."
    ),
    "median_resolution": _Wording(
        "Median resolution",
        "Half of the resolved conversations were resolved within this time of their start. One that was reopened "
        "counts once, with its last resolution in the period. Conversations that are still open are not in it, so a "
        "growing backlog can make it shorter.",
    ),
    "ai_handled": _Wording(
        "Handled by AI",
        "The share of resolved conversations that the AI agent resolved. One that was reopened counts once, for the "
        "side that resolved it last in the period.",
    ),
    "satisfaction": _Wording(
        "Satisfaction",
        "From 0 to 100: 40 % ratings, 25 % sentiment, 20 % response time, 15 % share resolved. "
        "A part without data counts as a neutral 50. A conversation with a rating and a sentiment counts in both.",
    ),
    "unique_visitors": _Wording(
        "Unique visitors",
        "Different visitors seen on the website, counted exactly. How far its change may be chance is told by how "
        "differently the single days changed.",
    ),
}


def draw_cards(
    board: KpiBoard,
    series: pd.DataFrame | None,
    bucket: Bucket,
    view: OpenedView | None = None,
) -> None:
    """Draw the five cards in one row, two to a row on a phone.

    Args:
        board: the KPIs; one whose source failed shows that in its own card.
        series: `cached.kpi_timeseries` for the sparklines; None leaves them out.
        bucket: what one point of it stands for.
        view: as for `draw_card`.
    """
    with st.grid(
        len(KPI_ORDER), min_column_width=CARD_MIN_WIDTH_PX, gap="xsmall", border=True, key="kpi-grid"
    ) as grid:
        for key in KPI_ORDER:
            with grid.cell(), st.container(gap="xsmall", key=f"kpi-{key}"):
                if key in board.kpis:
                    metric = METRICS[METRIC_OF[key]]
                    course = sparkline.course_of(series, metric.column, metric.text, bucket)
                    draw_card(board.kpis[key], course, board.questions[key], view)
                else:
                    st.markdown(WORDING[key].title)
                    failure(board.errors[key], key)


def draw_card(
    kpi: Kpi,
    course: tuple[sparkline.Point, ...],
    questions: Sequence[Question],
    view: OpenedView | None = None,
) -> None:
    """Draw one KPI: number, change, verdict, n, and the way to its explanation.

    Args:
        kpi: the KPI.
        course: as `sparkline.course_of` gives it; empty leaves it out.
        questions: what was asked for it, as sent.
        view: what is looked at, for what the explanation asks; None asks nothing.
    """
    wording, metric = WORDING[kpi.key], METRICS[METRIC_OF[kpi.key]]
    measures = MEASURES[kpi.key]
    changes.draw_metric(wording.title, metric.text(kpi.value), kpi.delta, course, kpi.since, measures)
    if stands_on := _stands_on(kpi):
        st.caption(" · ".join(stands_on))
    changes.draw_range(kpi.delta, kpi.key)
    for line in _notes(kpi):
        st.caption(line)
    left_out = None if view is None else lambda: cached.left_out(view).value.get(kpi.key, 0)
    readings = explain.facts(kpi, metric)
    explain.draw(kpi.key, wording.title, wording.definition, readings, kpi.delta, questions, left_out)


def table(board: KpiBoard, visitors_since: datetime | None = None) -> pd.DataFrame:
    """The cards as rows, one per KPI, with exact values: a column for each reading in each unit that it has.

    What was not compared has no columns.

    Args:
        board: the KPIs; those whose source failed have no row.
        visitors_since: from when visitors are counted, where that is not the whole period.
    """
    rows: list[dict[tuple[str, str], object]] = []
    for kpi in board.kpis.values():
        unit = COLUMN_UNITS[kpi.key]
        row: dict[tuple[str, str], object] = {
            ("kpi", ""): WORDING[kpi.key].title,
            ("value", unit): kpi.value,
            ("n", ""): kpi.n,
            ("n_of", ""): kpi.n_unit,
            ("counted_since", ""): visitors_since if kpi.key == "unique_visitors" else None,
            ("interval_low", unit): kpi.low,
            ("interval_high", unit): kpi.high,
            ("mean", "seconds"): kpi.mean,
            ("p90", "seconds"): kpi.p90,
            ("missing", ""): kpi.missing_reason,
        }
        if kpi.delta.verdict != "off":
            row |= {
                ("previous_value", unit): kpi.previous_value,
                ("previous_n", ""): kpi.previous_n,
                ("change", CHANGE_UNITS[kpi.delta.unit]): kpi.delta.change,
                ("change_low", CHANGE_UNITS[kpi.delta.unit]): kpi.delta.low,
                ("change_high", CHANGE_UNITS[kpi.delta.unit]): kpi.delta.high,
                ("change_of", ""): kpi.delta.basis,
                ("change_of_each_handler", "ratio"): kpi.split and kpi.split.own_ratio,
                ("change_of_their_mix", "ratio"): kpi.split and kpi.split.mix_ratio,
                ("verdict", ""): changes.verdict_text(kpi.delta.verdict, MEASURES[kpi.key]),
                ("reason", ""): kpi.delta.reason,
            }
        rows.append(row)
    found = {key for row in rows for key, value in row.items() if value is not None}
    columns = sorted(found, key=lambda key: (READINGS.index(key[0]), key[1]))
    # As objects: a count beside an empty cell stays a whole number.
    frame = pd.DataFrame(
        {
            "_".join(filter(None, key)): pd.Series([row.get(key) for row in rows], dtype="object")
            for key in columns
        }
    )
    if "counted_since" in frame:
        frame["counted_since"] = pd.to_datetime(frame["counted_since"], utc=True)
    return frame


def _stands_on(kpi: Kpi) -> list[str]:
    """The value before, and on how many observations this one rests; not where the value is that count itself."""
    words = []
    if kpi.previous_value is not None:
        words.append(f"was {METRICS[METRIC_OF[kpi.key]].text(kpi.previous_value)}")
    if kpi.value is not None and MEASURES[kpi.key] != "count":
        words.append(explain.counted(kpi))
    return words


def _notes(kpi: Kpi) -> list[str]:
    """What has to be said of the change or the number: why there is none, what it is of, what is missing."""
    delta = kpi.delta
    lines = changes.doubts(delta)
    if delta.verdict == "not_comparable" and kpi.value is not None:
        lines.append(f"Not comparable: {delta.reason}")
    return [*lines, *(text for text in (median_mix.line(kpi), kpi.missing_reason, kpi.note) if text)]
