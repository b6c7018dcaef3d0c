"""Website health: which websites send events as usual and which stopped, as a card and as a table of all websites.

Owns texts and layout. `analytics.health.website_flow` judges which websites are late.
"""

from typing import Final

import pandas as pd
import streamlit as st

from analytics.cached import Reading
from analytics.health.website_flow import WebsiteState
from pages.components import formatting
from pages.components.page.panel import empty, note_staleness
from pages.components.panels.source_health import NOT_KNOWN, Colour, ago_text, draw_table, future_sentence

VERDICTS: Final[dict[WebsiteState, str]] = {
    "stopped": "stopped",
    "quiet": "quiet longer than usual",
    "none": "no events in 30 days",
    "unknown": "not enough events",
    "usual": "flowing as usual",
    "inactive": "switched off",
}
REMEDY: Final = (
    "Check that the product still emits for it: its widget, the service that emits, and that service's spool "
    "(`inbox-analytics spool status`)."
)


def draw_card(reading: Reading[pd.DataFrame], timezone: str) -> None:
    """Draw the card with the number of websites that stopped; a stale reading never gets the verdict "good"."""
    flow = note_staleness(reading, timezone).value
    stopped, quiet = (int((flow["state"] == state).sum()) for state in ("stopped", "quiet"))
    judged = int(flow["state"].isin(["stopped", "quiet", "usual"]).sum())
    verdict, colour = _verdict(stopped, quiet, judged, is_stale=reading.is_stale)
    st.metric(
        "Stopped websites",
        formatting.count(stopped) if judged else formatting.MISSING,
        verdict,
        delta_color=colour,
        delta_arrow="off",
        help="A website has stopped when its newest event is older than three times its usual gap, and than an hour. "
        "Its usual gap is the second longest time between two of its events in 30 days.",
    )
    st.caption(f"of {formatting.count(judged)} with enough events")


def _verdict(stopped: int, quiet: int, judged: int, *, is_stale: bool) -> tuple[str, Colour]:
    if is_stale or not judged:
        return NOT_KNOWN if is_stale else VERDICTS["unknown"], "gray"
    if stopped:
        return "see below", "red"
    if quiet:
        return f"{formatting.count(quiet)} quiet too long", "orange"
    return "all flowing as usual", "green"


def draw_websites(reading: Reading[pd.DataFrame], timezone: str) -> None:
    """Draw the table of all websites, worst first, below a note on what to do about those that stopped."""
    flow = note_staleness(reading, timezone).value
    if flow.empty:
        empty("No website", "Websites of the product appear here.")
        return
    stopped = [formatting.markdown(name) for name in flow.loc[flow["state"] == "stopped", "name"]]
    if stopped:
        st.warning(f"{_listed(stopped)} stopped sending. {REMEDY}", icon=":material/warning:")
    ahead = flow[flow["ahead"] > 0]
    if len(ahead):
        names = _listed([formatting.markdown(name) for name in ahead["name"]])
        st.warning(f"{names}: {future_sentence(int(ahead['ahead'].sum()))}", icon=":material/schedule:")
    table = pd.DataFrame(
        {
            "Website": [formatting.plain(name) for name in flow["name"]],
            "Verdict": [VERDICTS[state] for state in flow["state"]],
            "Newest event": [ago_text(age) for age in flow["age_seconds"]],
            "Usual gap": [formatting.duration(gap) for gap in flow["usual_gap_seconds"]],
            "Events": flow["events"],
            "Domain": [formatting.plain(domain) for domain in flow["domain"]],
        }
    )
    columns = {
        "Website": st.column_config.TextColumn(width=150),
        "Verdict": st.column_config.TextColumn(width=160, help="Against the website's own usual gap"),
        "Newest event": st.column_config.TextColumn(width=92, help="Age of its newest event of any type"),
        "Usual gap": st.column_config.TextColumn(
            width=80, help="The second longest time between two of its events in the last 30 days"
        ),
        "Events": st.column_config.NumberColumn(
            width=70, format="localized", help="Of all types, in the last 30 days"
        ),
        "Domain": st.column_config.TextColumn(width=130),
    }
    words = f"{len(table)} websites, worst first: verdict, newest event, usual gap, events"
    draw_table("websites", table, columns, words, is_wide=True)
    st.caption(f"As of {formatting.clock_seconds(reading.as_of, timezone)}, read every 5 minutes.")


def _listed(names: list[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
