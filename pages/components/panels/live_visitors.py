"""The visitors of the live page: the window, how many are here, and the list.

Owns how visitors are shown as text. Everything about a visitor is untrusted text.
"""

from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import pandas as pd
import streamlit as st

from analytics.cached import Reading, RightNow
from analytics.geo import countries
from analytics.scope.clock import parse_timezone
from pages.components import formatting
from pages.components.selection import switch, url_state

T = TypeVar("T")
WINDOWS = {"5": "5 min", "10": "10 min", "30": "30 min"}
DEFAULT_WINDOW = "5"
LISTED = 200
SHORT = 9


def window_switch(notices: list[str]) -> int:
    """Draw the switch between the last 5, 10 and 30 minutes; returns the chosen minutes from the URL."""
    chosen = url_state.read("window", DEFAULT_WINDOW, url_state.choice(WINDOWS), notices)
    switch.draw("window", "Visitors seen in the last", WINDOWS, chosen, DEFAULT_WINDOW)
    return int(chosen)


def draw_count(present: RightNow, minutes: int) -> None:
    """Draw `cached.right_now` of the window as a number."""
    count, people = formatting.counted(present.visitors, "visitors").split()
    st.markdown(f"### {count} :gray[{people} in the last {minutes} minutes]", anchors=False)


def draw_summary(reading: Reading[RightNow], timezone: str, *, is_live: bool) -> None:
    """Draw the number of visitors and the places with most of them as one line; with the time if it is not live."""
    places = [f"{formatting.markdown(city)} {formatting.count(n)}" for city, n in reading.value.places[:3]]
    when = "right now" if is_live else f"at {formatting.clock(reading.as_of, timezone)}"
    st.markdown(
        f":{'green' if is_live else 'gray'}[●] **{formatting.counted(reading.value.visitors, 'visitors')} {when}**"
        + "".join(f" · :gray[{place}]" for place in places)
    )


def in_words(present: RightNow, minutes: int) -> str:
    """The number of visitors and the window as plain text.

    >>> in_words(RightNow(1204, places=()), 5)
    '1,204 visitors in the last 5 minutes'
    """
    return f"{formatting.counted(present.visitors, 'visitors')} in the last {minutes} minutes"


def draw_unplaced(present: RightNow) -> None:
    """Draw how many visitors are not on the globe because their place is not known; nothing if none."""
    if present.unplaced:
        are = (
            "visitor has no known place and is"
            if present.unplaced == 1
            else "visitors have no known place and are"
        )
        st.caption(f"{formatting.count(present.unplaced)} {are} not on the globe.", text_alignment="center")


def draw_list(visitors: pd.DataFrame, now: datetime) -> None:
    """Draw `cached.active_visitors`, newest first, as a table: place, page, device, last seen before `now`."""
    newest = visitors.head(LISTED)
    table = pd.DataFrame(
        {
            "Last seen": [
                formatting.ago(now - seen.to_pydatetime().astimezone(UTC)) for seen in newest["last_seen"]
            ],
            "Place": [
                formatting.place(city, country)
                for city, country in zip(newest["city"], newest["country_code"], strict=True)
            ],
            "Page": [formatting.page_path(url) for url in newest["page_url"]],
            "Device": [formatting.device(device) for device in newest["device_type"]],
        }
    ).map(formatting.in_table)
    # A short list ends after its last row; a longer one takes the height of the globe's card.
    is_short = len(table) <= SHORT
    with st.container(
        key=f"visitor-list{'' if is_short else '-frame'}", height="content" if is_short else "stretch"
    ):
        st.dataframe(
            table,
            hide_index=True,
            height="content" if is_short else "stretch",
            column_config={
                "Last seen": st.column_config.TextColumn(width=72),
                "Place": st.column_config.TextColumn(width=112),
                "Page": st.column_config.TextColumn(width=122),
                "Device": st.column_config.TextColumn(width=62),
            },
            key="visitor-list",
            alt=f"{len(table)} visitors, newest first: place, page, device and when they were last seen",
        )
    if len(visitors) > LISTED:
        st.caption(f"The newest {LISTED} are listed; the files have all.")


def draw_age(
    reading: Reading[T], timezone: str, pace: str, newest: datetime | None = None, listed_count: int = 0
) -> None:
    """Draw the number of rows listed, the time of the read, the age of the newest row then, and the refresh interval."""
    words = [f"{formatting.count(listed_count)} listed, newest first"] if listed_count else []
    words.append(f"As of {formatting.clock_seconds(reading.as_of, timezone)}")
    if newest is not None:
        words.append(f"newest event {formatting.ago(reading.as_of - newest)}")
    st.caption(" · ".join([*words, pace]))


def listed(visitors: pd.DataFrame) -> pd.DataFrame:
    """The columns of `cached.active_visitors` that the list shows, with exact values, for its export."""
    named = visitors.assign(country=[countries.name_of(code) for code in visitors["country_code"]])
    return named[["last_seen", "city", "country_code", "country", "page_url", "device_type"]]


def days_of(now: datetime, minutes: int, timezone: str) -> tuple[date, date]:
    """First and last local day of the window that ends now."""
    zone = parse_timezone(timezone)
    return (now - timedelta(minutes=minutes)).astimezone(zone).date(), now.astimezone(zone).date()


def newest_of(visitors: pd.DataFrame) -> datetime | None:
    """When the newest visitor of `cached.active_visitors` was last seen; None without rows."""
    return visitors["last_seen"].max().to_pydatetime().astimezone(UTC) if len(visitors) else None
