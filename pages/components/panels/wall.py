"""Wall mode: the Live page for an unattended wall screen, dark and large.

Owns its texts and layout; `static/wall.css` its sizes. Everything written as HTML is escaped.
"""

from html import escape

import pandas as pd
import streamlit as st

from analytics.cached import KpiBoard, RightNow
from analytics.scope.periods import Period
from pages.components import ASSETS, formatting
from pages.components.metrics import kpi_cards
from pages.components.selection import url_state

REFRESH_SECONDS = 60.0
ON = {"1": "on"}
BARS_PX = 100


def is_on(notices: list[str]) -> bool:
    """Whether the URL asks for wall mode."""
    return url_state.read("wall", "", url_state.choice(ON), notices) == "1"


def offer() -> None:
    """Draw the button that starts wall mode."""
    st.button(
        "Wall mode",
        key="wall-offer",
        icon=":material/tv:",
        type="tertiary",
        on_click=url_state.write,
        args=("wall", "1"),
    )


def dress() -> None:
    """Apply wall mode's style sheet, which hides controls, and draw the button that leaves wall mode."""
    st.html(ASSETS / "wall.css")
    st.button(
        "Leave wall mode",
        key="wall-leave",
        icon=":material/close_fullscreen:",
        type="tertiary",
        on_click=url_state.write,
        args=("wall", None),
    )


def refresh_seconds(live: float | None) -> float | None:
    """The refresh interval of wall mode: that of Live, at least a minute; None while it is paused."""
    return None if live is None else max(REFRESH_SECONDS, live)


def draw_present(name: str, present: RightNow, minutes: int, activity: pd.DataFrame | None) -> None:
    """Draw the website, the large number, and the last half hour as bars.

    The name is untrusted text. Without an activity there are no bars.
    """
    count, people = formatting.counted(present.visitors, "visitors").split()
    st.html(
        f'<div class="wall-name">{escape(formatting.plain(name, 60))}</div>'
        f'<div class="wall-now">{count}</div>'
        f'<div class="wall-label">{people} in the last {minutes} minutes</div>'
        + ("" if activity is None else _bars(activity))
    )


def draw_places(present: RightNow) -> None:
    """Draw the cities with most visitors."""
    rows = "".join(
        f"<div><span>{escape(formatting.plain(city, 40))}</span><b>{formatting.count(visitors)}</b></div>"
        for city, visitors in present.places
    )
    st.html(f'<div class="wall-places">{rows}</div>')


def draw_kpis(board: KpiBoard, period: Period) -> None:
    """Draw today's KPIs, without those whose source failed, until when they count, and how many conversations still wait."""
    until = formatting.clock(period.end, period.timezone.key)
    cells = "".join(
        f"<div><b>{escape(formatting.value_of(kpi.metric.kind, kpi.value))}</b><span>{kpi.metric.title}</span></div>"
        for kpi in board.kpis.values()
    )
    words, response = f"Today until {until}", board.kpis.get("median_response")
    if response is not None and response.still_waiting:  # Missing from the median: they never had an answer.
        words += f" <small>· {kpi_cards.still_waiting(response)}</small>"
    st.html(f'<div class="wall-label">{words}</div><div class="wall-kpis">{cells}</div>')


def _bars(activity: pd.DataFrame) -> str:
    visitors = [int(count) for count in activity["visitors"]]
    highest = max(*visitors, 1)
    bars = "".join(f'<i style="height:{BARS_PX * count / highest:.0f}%"></i>' for count in visitors)
    return (
        f'<div class="wall-bars" role="img" aria-label="Visitors per minute over the last {len(visitors)} minutes, '
        f'at most {formatting.count(highest)}">{bars}</div>'
        f'<div class="wall-axis"><span>{len(visitors)} minutes ago</span><span>now</span></div>'
    )
