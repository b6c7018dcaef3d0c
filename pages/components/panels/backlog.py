"""The cards of the backlog: open at the end, started, resolved, net; each with the period before.

Owns how the backlog is written. `analytics.kpis.backlog` counts it.
"""

from typing import Final

import pandas as pd
import streamlit as st

from analytics.cached import BacklogOverTime, Reading, SentQuery
from analytics.kpis.backlog import Backlog
from analytics.scope.tiers import Comparability
from pages.components import formatting
from pages.components.charts.backlog import signed
from pages.components.metrics import explain

LAST_STATE: Final = (
    "The tables keep a conversation's last state: one that was reopened counts as open since its start, or as open until "
    "its last resolution. Spam counts nowhere."
)
TOTALS: Final = ("Open at the start", "Started", "Resolved", "Net", "Open at the end")
"""The numbers of a file; open at the start plus net is open at the end."""

OPEN: Final = (
    "Conversations that were open when the period ended, answered or not, whenever they started; also those that the "
    "plan does not list one by one."
)


def draw_cards(reading: Reading[BacklogOverTime], comparability: Comparability) -> None:
    """Draw open conversations at the end of the period, and what changed their number."""
    now, before = reading.value.current, reading.value.previous
    cards = (
        ("open", "Open at the end", OPEN, formatting.count(now.open_at_end), _opened(now)),
        (
            "started",
            "Started",
            "Conversations that started in the period.",
            formatting.count(now.started),
            None,
        ),
        (
            "resolved",
            "Resolved",
            "Conversations that were resolved in the period, whenever they started.",
            formatting.count(now.resolved),
            None,
        ),
        ("net", "Net", "Started minus resolved: by how much the backlog grew.", signed(now.net), _grown(now)),
    )
    was = {} if before is None else _before(before)
    with st.grid(4, min_column_width=130, gap="xsmall", border=True, key="backlog-grid") as grid:
        for name, title, definition, value, words in cards:
            with grid.cell(), st.container(gap="xsmall", key=f"total-backlog-{name}"):
                st.metric(title, value)
                said = [words, f"was {was[name]}" if was else None]
                if line := " · ".join(each for each in said if each):
                    st.caption(line)
                facts = [("Period before", was[name])] if was else []
                _explain(name, title, definition, facts, reading.queries)
    if comparability.is_compared and not comparability.comparable.is_ok:
        st.caption(f"Not comparable: {comparability.comparable.reason}")


def table(series: pd.DataFrame) -> pd.DataFrame:
    """The series of `cached.backlog` for a file, with units in the names."""
    counts = ("started", "resolved", "net", "open_at_end")
    return series.rename(columns={name: f"{name}_count" for name in counts})


def totals_table(backlog: BacklogOverTime) -> pd.DataFrame:
    """The cards for a file: one row per number, with that of the period before where the periods are compared."""
    frame = pd.DataFrame({"number": TOTALS, "conversations_count": _totals(backlog.current)})
    if backlog.previous is None:
        return frame
    return frame.assign(previous_conversations_count=_totals(backlog.previous))


def _totals(of: Backlog) -> list[int]:
    """In the order of `TOTALS`."""
    return [of.open_at_start, of.started, of.resolved, of.net, of.open_at_end]


def _explain(
    name: str, title: str, definition: str, facts: list[tuple[str, str]], queries: tuple[SentQuery, ...]
) -> None:
    explain.draw_definition(f"backlog-{name}", title, f"{definition} {LAST_STATE}", facts, queries)


def _before(before: Backlog) -> dict[str, str]:
    return {
        "open": formatting.count(before.open_at_end),
        "started": formatting.count(before.started),
        "resolved": formatting.count(before.resolved),
        "net": signed(before.net),
    }


def _opened(now: Backlog) -> str:
    return f"{formatting.count(now.open_at_start)} at the start"


def _grown(now: Backlog) -> str:
    """What the sign means.

    >>> _grown(Backlog(0, 5, 9)), _grown(Backlog(0, 9, 5)), _grown(Backlog(0, 5, 5))
    ('fewer open than at the start', 'more open than at the start', 'as many open as at the start')
    """
    if not now.net:
        return "as many open as at the start"
    return f"{'more' if now.net > 0 else 'fewer'} open than at the start"
