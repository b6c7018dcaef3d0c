"""KPI cards: value, change, verdict, and number of observations.

Owns the layout of a card. Texts come from `analytics.kpis.declarations`; values, changes and
verdicts from `analytics.kpis.metrics`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

import pandas as pd
import streamlit as st

from analytics import cached
from analytics.cached import OpenedView, Reading, SentQuery
from analytics.errors import AnalyticsError
from analytics.kpis.declarations import KPIS, KpiDeclaration
from analytics.kpis.metrics import Kpi, KpiBoard
from analytics.kpis.verdicts import Verdict
from pages.components import formatting
from pages.components.charts import sparkline
from pages.components.metrics import changes, explain, goals, median_mix
from pages.components.page.panel import failure

CARD_MIN_WIDTH_PX = 120
ON_OVERVIEW = tuple(kpi for kpi in KPIS.values() if kpi.is_on_overview)
_COLOURS: dict[Verdict, Literal["green", "red"]] = {"better": "green", "worse": "red"}


def series_if_read(read: Callable[[], Reading[pd.DataFrame]]) -> Reading[pd.DataFrame] | None:
    """Read the series of the sparklines; None if it cannot be read: the cards then have no sparklines."""
    try:
        return read()
    except AnalyticsError:
        return None


def draw_cards(board: KpiBoard, series: pd.DataFrame | None, view: OpenedView) -> None:
    """Draw the cards of Overview in one row, two per row on a phone.

    A KPI whose source failed shows the error in its own card. Without a series there are no sparklines, and without a store,
    or while goals cannot be read, no goals.
    """
    lines = goals.card_lines(view)
    points = sparkline.points_of(series, ON_OVERVIEW, view.resolved.bucket)
    with st.grid(
        len(ON_OVERVIEW), min_column_width=CARD_MIN_WIDTH_PX, gap="xsmall", border=True, key="kpi-grid"
    ) as grid:
        for declared in ON_OVERVIEW:
            with grid.cell():
                draw_kpi(board, declared, points[declared.key], view, lines.get(declared.key))


def draw_kpi(
    board: KpiBoard,
    declared: KpiDeclaration,
    points: tuple[sparkline.Point, ...],
    view: OpenedView,
    goal: goals.CardLine | None = None,
) -> None:
    """Draw the card of one KPI of the board, or its error; arguments as for `draw_card`."""
    key = declared.key
    with st.container(gap="xsmall", key=f"kpi-{key}"):
        if key in board.kpis:
            draw_card(board.kpis[key], points, board.queries[key], view, goal)
        else:
            st.markdown(declared.title)
            failure(board.errors[key], key)


def draw_card(
    kpi: Kpi,
    points: tuple[sparkline.Point, ...],
    queries: Sequence[SentQuery],
    view: OpenedView | None = None,
    goal: goals.CardLine | None = None,
) -> None:
    """Draw one KPI: value, change, verdict, number of observations, its goal where it has one, and the button Explain.

    Green and red mean better or worse for the people who write in; a change in visitors has no colour. No points draw no
    sparkline. `view` is for the query of Explain; None sends none.
    """
    metric, delta = kpi.metric, kpi.delta
    change = changes.change_text(delta)
    # A value with its start date is longer: style.css makes it smaller and lets it take two lines.
    with st.container(key=None if kpi.since is None else f"since-{metric.title}"):
        st.metric(
            metric.title,
            changes.since_text(formatting.value_of(metric.kind, kpi.value), kpi.since),
            change,
            delta_color="gray" if metric.kind == "count" else _COLOURS.get(delta.verdict, "gray"),
            delta_description=None
            if delta.change is None
            else changes.verdict_text(delta.verdict, metric.kind) or None,
            delta_arrow=changes.arrow(change),
        )
        sparkline.draw(points, metric.title)
    if stands_on := _stands_on(kpi):
        st.caption(formatting.unbroken(" · ".join(stands_on)))
    if goal is not None:
        st.markdown(f":small[{formatting.unbroken(goal.text)}]", help=goal.help)
    changes.draw_range(delta, metric.key)
    for line in _notes(kpi):
        st.caption(line)
    left_out = None if view is None else lambda: cached.left_out(view).value[metric.key]
    explain.draw(kpi, queries, left_out)


def _stands_on(kpi: Kpi) -> list[str]:
    """The previous value, and the number of observations of this one unless the value is that count itself.

    Beside it, how many conversations are not among them because they still wait.
    """
    words = []
    if kpi.previous_value is not None:
        words.append(f"was {formatting.value_of(kpi.metric.kind, kpi.previous_value)}")
    if kpi.value is not None and kpi.metric.kind != "count":
        waiting = f" and {still_waiting(kpi)}" if kpi.still_waiting else ""
        words.append(f"{explain.counted(kpi)}{waiting}")
    return words


def still_waiting(kpi: Kpi) -> str:
    """How many conversations still wait, as a short text; a last good value says when it was read."""
    stale = formatting.as_of(kpi.still_waiting_stale_since, datetime.now(UTC))
    return f"{formatting.count(kpi.still_waiting)} still waiting{stale}"


def _notes(kpi: Kpi) -> list[str]:
    """Notes on the value or its change: why there is none, what it covers, what is missing."""
    delta = kpi.delta
    lines = changes.doubts(delta)
    said = [text for text in (median_mix.line(kpi), kpi.missing_reason, kpi.note) if text]
    if delta.verdict == "not_comparable" and kpi.value is not None:
        lines.append(changes.not_compared("Not comparable", delta.reason, said))
    if kpi.value is None and kpi.still_waiting:
        lines.append(still_waiting(kpi))
    return [*lines, *said]
