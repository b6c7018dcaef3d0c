"""Who handled the conversations: the AI agent or people, and how many were escalated."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from analytics.cached import KpiBoard, OpenedView, Reading
from analytics.kpis.declarations import KPIS
from analytics.scope.selection import EVERYTHING, HandledBy, Selection
from pages.components import formatting
from pages.components.charts import sparkline
from pages.components.metrics import kpi_cards
from pages.components.selection import filters
from pages.components.selection.conversation_filters import HANDLED


def draw_handled(handled: pd.DataFrame, chosen: HandledBy | None) -> None:
    """Draw each row of `conversation_breakdown.handled` with share, count and medians; a click on a name selects it."""
    cells = zip(
        HANDLED,
        handled["share_ratio"],
        handled["conversations"],
        handled["median_response_seconds"],
        handled["median_resolution_seconds"],
        strict=True,
    )
    for who, share, n, response, resolution in cells:
        with st.container(gap=None, key=f"handled-{who}"):
            with st.container(
                horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
            ):
                filters.choose(HANDLED[who], "handled", who, is_chosen=chosen == who)
                st.markdown(f"**{formatting.rate(share)}** :gray[· {formatting.count(n)}]", width="content")
            st.progress(0.0 if pd.isna(share) else float(share))
            st.caption(
                f"Median first response {formatting.duration(response)}, "
                f"resolution {formatting.duration(resolution)}"
            )


def is_narrowed(selection: Selection) -> bool:
    """Whether there is a filter other than escalation: the escalation rate is then that of the selected conversations."""
    return replace(selection, is_escalated=False) != EVERYTHING


def draw_escalations(
    board: KpiBoard,
    series: Reading[pd.DataFrame] | None,
    selected: tuple[int, int],
    selection: Selection,
    view: OpenedView,
) -> None:
    """Draw the escalation rate as a KPI or, with other filters, of the selected conversations; a click selects them.

    The KPI is drawn if the selection has no filter other than escalation. `selected` are escalated and all among the
    selected conversations, without that filter. `series` is for the sparkline; None draws none.
    """
    declared, (escalated, total) = KPIS["escalated"], selected
    is_of_selection = is_narrowed(selection)
    if is_of_selection:
        st.markdown(f"**{declared.title}**")
    else:
        drawn = None if series is None else series.value
        points = sparkline.points_of(drawn, [declared], view.resolved.bucket)
        kpi_cards.draw_kpi(board, declared, points[declared.key], view)
    with st.container(gap=None, key="escalations"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            filters.choose("Escalated", "escalated", "yes", is_chosen=selection.is_escalated)
            share = f"**{formatting.rate(escalated / total if total else None)}** " if is_of_selection else ""
            st.markdown(f"{share}:gray[· {formatting.count(escalated)}]", width="content")
        if is_of_selection:
            st.caption(f"of {formatting.count(total)} selected")
