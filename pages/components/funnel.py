"""The funnel: how far the conversations started in the period came by its end, and what of that the AI did."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analytics.totals import Funnel
from pages.components import bars, formatting
from pages.components.palette import palette

NAMES = {
    "started": "Started",
    "responded": "Responded",
    "resolved": "Resolved",
    "ai_resolved": "of these by AI",
    "resolved_unanswered": "Resolved without a response",
}
NOTE = "Conversations started in this period, as far as they came by its end. Each step has passed the one before."
_THICKNESS_PX, _GAP_PX, _TOP_PX = 8, 26, 4


def table(funnel: Funnel) -> pd.DataFrame:
    """The funnel as rows: step, distinct conversations, and the share shown (0..1; NaN of none).

    What the AI handled is a part of the resolved, so its share is of those. The conversations resolved without a
    first response are in no step after the first; they have a row of their own when there are any.
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


def draw(steps: pd.DataFrame, *, key: str) -> None:
    """Draw each step's count and share over a bar of its part of the started.

    Args:
        steps: the `table` of a funnel.
        key: identity of the chart across reruns.
    """
    colours, figure, top = palette(), go.Figure(), _TOP_PX
    started = int(steps["conversations"].iloc[0])
    said: list[str] = []
    for step, value, share in steps.itertuples(index=False):
        top += bars.TEXT_PX
        is_part = step in {"ai_resolved", "resolved_unanswered"}
        name, n, ratio = NAMES[step], formatting.count(value), formatting.rate(share)
        bars.write(figure, name, top - 6, colours.muted if is_part else colours.text)
        figures = f'<b>{n}</b>  <span style="color:{colours.muted}">{ratio}</span>'
        bars.write(figure, figures, top - 6, colours.text, right_px=0)
        bars.add_bar(
            figure,
            value / started if started else 0.0,
            top + _THICKNESS_PX / 2,
            _THICKNESS_PX,
            colours,
        )
        top += _THICKNESS_PX + _GAP_PX
        said.append(f"{name[0].lower()}{name[1:]} {n} ({ratio})")
    bars.draw(figure, top, colours, key=key, alt=f"Conversations started in this period: {', '.join(said)}")
    st.caption(NOTE)
