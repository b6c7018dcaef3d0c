"""The funnel: status at the end of the period of the conversations started in it, and the AI agent's share of the resolved.

Each number links to its conversations: the same cohort, so that the list has as many rows.
"""

import pandas as pd
import streamlit as st

from analytics.kpis.totals import Funnel
from analytics.scope.selection import HandledBy, Status
from pages.components import formatting
from pages.components.page import begin
from pages.components.selection.conversation_filters import FUNNEL, HANDLED
from pages.components.theme_colors import palette

NAMES = {
    "started": "Started",
    "responded": "Responded",
    "resolved": "Resolved",
    "ai_resolved": "of these by AI",
    "resolved_unanswered": "Resolved without a response",
}
NOTE = (
    "Conversations started in this period, as far as they came by its end; the cards count older ones as well. "
    "Each number opens its conversations."
)


def table(funnel: Funnel) -> pd.DataFrame:
    """The funnel as a table: step, distinct conversations, and the share shown (0..1; NaN of none).

    The AI agent's share is a share of the resolved. Conversations resolved without a first response are only in the first
    step; they have a row of their own if there are any.
    """
    steps = [
        ("started", funnel.started, funnel.started),
        ("responded", funnel.responded, funnel.started),
        ("resolved", funnel.resolved, funnel.started),
        ("ai_resolved", funnel.ai_resolved, funnel.resolved),
    ]
    if funnel.resolved_unanswered:
        steps.append(("resolved_unanswered", funnel.resolved_unanswered, funnel.started))
    return pd.DataFrame(
        {
            "step": [step for step, _, _ in steps],
            "conversations": [value for _, value, _ in steps],
            "share_ratio": [value / whole if whole else float("nan") for _, value, whole in steps],
        }
    )


def draw(funnel: Funnel) -> None:
    """Draw the steps from left to right with the losses between them, and who resolved as one split bar.

    At least one conversation started.
    """
    by_people = funnel.resolved - funnel.ai_resolved
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="funnel-steps"):
        _step("Started", funnel.started, funnel, "started")
        _loss("not answered", funnel.started - funnel.responded, "unanswered")
        _step("Answered", funnel.responded, funnel, "answered")
        _loss("not resolved", funnel.responded - funnel.resolved, "unresolved")
        _step("Resolved", funnel.resolved, funnel, "resolved")
        with st.container(gap=None, key="funnel-hands"):
            with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
                _part(funnel.ai_resolved, funnel.resolved, "ai")
                _part(by_people, funnel.resolved, "human")
            _split(funnel.ai_resolved, funnel.resolved)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="funnel-note"):
        st.caption(NOTE, width="content")
        if funnel.resolved_unanswered:
            n = formatting.count(funnel.resolved_unanswered)
            _link(f":small[{n} resolved without an answer]", "resolved_unanswered")


def _step(name: str, n: int, funnel: Funnel, status: Status) -> None:
    share = "" if status == "started" else f" :gray[:small[{formatting.rate(n / funnel.started)}]]"
    with st.container(gap=None, width="content", key=f"funnel-step-{status}"):
        st.markdown(f":gray[:small[{name}]]", width="content")
        _link(f"**{formatting.count(n)}**{share}", status)


def _loss(name: str, n: int, status: Status) -> None:
    with st.container(gap=None, width="content", key=f"funnel-loss-{status}"):
        text = f":small[{formatting.count(n)} {name}]"
        if n:
            _link(text, status)
        else:
            st.markdown(f":gray[{text}]", width="content")


def _part(n: int, whole: int, who: HandledBy) -> None:
    share = f" :gray[· {formatting.rate(n / whole)}]" if whole else ""
    _link(f":small[{HANDLED[who]} **{formatting.count(n)}**{share}]", "resolved", who)


def _split(by_ai: int, resolved: int) -> None:
    """The resolved as one bar: the AI agent's part in the accent colour, people's part in a pale tint of it."""
    if not resolved:
        return
    colours, part = palette(), by_ai / resolved * 100
    st.html(
        f'<div class="split" role="img" aria-label="{HANDLED["ai"]} {formatting.rate(by_ai / resolved)} of the resolved">'
        f'<i style="width:{part:.2f}%;background:{colours.accent}"></i>'
        f'<i style="flex:1;background:{colours.accent};opacity:0.3"></i></div>'
    )


def _link(label: str, status: Status, who: HandledBy | None = None) -> None:
    query = {"status": status} | ({"handled": who} if who else {})
    words = FUNNEL[status] + (f", by {'the ' if who == 'ai' else ''}{HANDLED[who]}" if who else "")
    begin.page_link("pages/conversations.py", label, query, icon=None, help=f"Lists them: {words.lower()}")
