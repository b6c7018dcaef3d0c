"""Time that people saved by what the AI resolved: a range with its formula, and the form for the minutes in it.

Owns texts and layout. `analytics.kpis.ai_and_people.time_saved` computes.
"""

from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from analytics import cached
from analytics.cached import Minutes, MinutesVersion, OpenedView, TimeSaved
from analytics.kpis.ai_and_people.time_saved import ASSUMED, LONGEST_MINUTES
from pages.components import formatting
from pages.components.metrics import saving

FORMULA: Final = (
    "Conversations × minutes of a person's work on one. The lower end counts what the AI resolved for good, known to have lasted 7 "
    "days, without what it handed over; the upper end all that it resolved and that has not come back."
)


def draw(saved: TimeSaved, view: OpenedView, timezone: str) -> None:
    """Draw the range, how it is computed, and the form for those who may change the minutes."""
    minutes = saved.minutes
    st.markdown(f"## {in_words(saved)} :gray[:small[of people's working time]]", anchors=False)
    conversations = formatting.count(saved.most)
    if saved.fewest != saved.most:
        conversations = f"{formatting.count(saved.fewest)} to {conversations}"
    st.markdown(f"{conversations} conversations × {_range(minutes)} minutes each")
    st.caption(FORMULA)
    if not cached.has_store():
        st.caption(
            f"{_range(minutes)} minutes are an assumption: set INBOX_ANALYTICS_STORE_URL to set your own."
        )
        return
    newest = cached.minutes_per_conversation(view).value
    st.caption(
        f"{_range(minutes)} minutes are an assumption until they are set for this website."
        if newest is None
        else f"{_last_change(newest, timezone)}."
    )
    if cached.may_edit_goals(view, datetime.now(UTC)):
        _draw_form(view, newest, timezone)


def in_words(saved: TimeSaved) -> str:
    """The range in words.

    >>> in_words(TimeSaved(40, 60, Minutes(3, 10))), in_words(TimeSaved(0, 1, Minutes(3, 10)))
    ('2 to 10 hours', '0 to 10 minutes')
    >>> in_words(TimeSaved(1, 30, Minutes(3, 10)))
    '3 minutes to 5 hours'
    """
    (low, low_unit), (high, high_unit) = (_rounded(each) for each in (saved.low_seconds, saved.high_seconds))
    if saved.low_seconds == 0:
        low_unit = high_unit
    return (
        f"{low} {low_unit} to {high} {high_unit}" if low_unit != high_unit else f"{low} to {high} {high_unit}"
    )


def table(saved: TimeSaved) -> pd.DataFrame:
    """The range for a file: one row per end."""
    return pd.DataFrame(
        {
            "end": ["lower", "upper"],
            "conversations_count": [saved.fewest, saved.most],
            "minutes_per_conversation": [saved.minutes.low, saved.minutes.high],
            "saved_seconds": [saved.low_seconds, saved.high_seconds],
        }
    )


def _rounded(seconds: float) -> tuple[str, str]:
    """Whole hours from two hours on, else whole minutes."""
    if seconds >= 2 * 3600:
        return formatting.count(round(seconds / 3600)), "hours"
    return formatting.count(round(seconds / 60)), "minutes"


def _range(minutes: Minutes) -> str:
    if minutes.low == minutes.high:
        return f"{minutes.low:g}"
    return f"{minutes.low:g} to {minutes.high:g}"


def _last_change(version: MinutesVersion, timezone: str) -> str:
    """What was set, who did it, and when, as Markdown."""
    at = formatting.since(version.set_at, datetime.now(UTC), timezone)
    return f"{_range(version.minutes)} minutes: set by {formatting.markdown(version.set_by)}, {at}"


def _draw_form(view: OpenedView, newest: MinutesVersion | None, timezone: str) -> None:
    """Draw the button that opens the form, and save what was entered."""
    key = f"minutes-{view.resolved.website.id}"
    seen = saving.seen(key, newest)
    shown = ASSUMED if seen is None else seen.minutes
    with st.popover("Change the minutes", icon=":material/schedule:", key="edit-minutes"):
        with st.form(key, border=False):
            st.markdown("**A person's work on one conversation**")
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                low, high = (
                    st.number_input(
                        label, 0.1, LONGEST_MINUTES, value, 1.0, "%g", key=f"{key}-{label}", width=130
                    )
                    for label, value in (("At least, minutes", shown.low), ("At most, minutes", shown.high))
                )
            st.caption("Applies to every period of this website, also past ones.")
            is_saved = st.form_submit_button("Save", type="primary", key=f"{key}-save")
        if is_saved:
            saving.save(
                key,
                lambda: cached.save_minutes(
                    view, Minutes(round(low, 1), round(high, 1)), seen, datetime.now(UTC)
                ),
                lambda: cached.minutes_per_conversation(view).value,
                lambda version: _last_change(version, timezone),
                lambda: f"Saved: {_range(Minutes(round(low, 1), round(high, 1)))} minutes.",
            )
        else:
            saving.confirm(key)
