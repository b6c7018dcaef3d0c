"""Who handled the conversations: the AI agent beside people, and how many were handed over."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from analytics.kpis.conversation_breakdown import Escalations
from analytics.scope.selection import EVERYTHING, HandledBy, Selection
from pages.components import formatting
from pages.components.metrics import changes
from pages.components.page import filters
from pages.components.page.conversation_filters import HANDLED


def draw_handled(handled: pd.DataFrame, chosen: HandledBy | None) -> None:
    """Draw AI-resolved beside human-handled: share, count and both medians of each; a click on a name selects it.

    Args:
        handled: `analytics.kpis.conversation_breakdown.handled`; its rows are in the order of `HANDLED`.
        chosen: which of the two is selected.
    """
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


def draw_escalations(escalations: Escalations, selected: tuple[int, int], selection: Selection) -> None:
    """Draw how many conversations were handed to people, under a heading of their own; a click selects them.

    Args:
        escalations: of the whole period.
        selected: escalated and all of the conversations selected, whether escalated or not.
        selection: what is selected; the share is of the started ones while nothing but escalation is.
    """
    is_narrowed = replace(selection, is_escalated=False) != EVERYTHING
    st.markdown("**Handed to people**")
    with st.container(gap=None, key="escalations"):
        if is_narrowed:
            escalated, total = selected
            ratio = escalated / total if total else None
            of = f"of {formatting.count(total)} selected"
        else:
            escalated, ratio = escalations.escalated, escalations.ratio
            of = f"of {formatting.count(escalations.started)} started"
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            filters.choose("Escalated", "escalated", "yes", is_chosen=selection.is_escalated)
            st.markdown(
                f"**{formatting.rate(ratio)}** :gray[· {formatting.count(escalated)}]", width="content"
            )
        st.progress(min(ratio or 0.0, 1.0))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            # No caption: its fainter ink leaves green and red too little contrast.
            said = [f":gray[{of}]", *([] if is_narrowed else changes.line(escalations.delta))]
            st.markdown(f":small[{' · '.join(said)}]", width="content")
