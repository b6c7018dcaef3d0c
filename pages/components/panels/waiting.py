"""Who waits now: how many and since when, the lists with links into the product, and their files.

Owns how a waiting conversation is shown. City and page are untrusted text. `cached.waiting_now` selects and sorts.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from streamlit.elements.lib.column_types import ColumnConfig

from analytics import cached
from analytics.cached import GoalHistory, OpenedView, Reading, WaitingNow, Waits
from analytics.errors import AnalyticsError, SourceError
from analytics.kpis import waiting as waits
from analytics.kpis.goals import results
from analytics.scope import tiers
from analytics.scope.access import Website
from analytics.scope.clock import parse_timezone
from analytics.scope.selection import Measure, Selection
from pages.components import formatting
from pages.components.metrics import explain
from pages.components.page.panel import empty
from pages.components.selection.conversation_filters import SENTIMENTS
from pages.components.theme_colors import palette

TITLES: Final[Mapping[Waits, str]] = MappingProxyType(
    {"answer": "Waiting for an answer", "resolution": "Escalated, not resolved"}
)
DEFINITIONS: Final[Mapping[Waits, str]] = MappingProxyType(
    {
        "answer": "Conversations that are open now and were never answered, by the AI agent or by people. They wait since "
        "their start.",
        "resolution": "Conversations that were escalated to people and are open now, answered or not. They wait since they "
        "were escalated.",
    }
)
NONE: Final[Mapping[Waits, tuple[str, str]]] = MappingProxyType(
    {
        "answer": ("No one is waiting", "Every open conversation has an answer."),
        "resolution": ("No escalation is open", "Every escalated conversation is resolved."),
    }
)
MEASURES_OF: Final[Mapping[Waits, Measure]] = MappingProxyType(
    {"answer": "response", "resolution": "resolution"}
)
"""The goal that each list is about; both times begin at the start of the conversation."""

GOAL_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {"missed": "Missed", "soon": "Nearly missed", "open": "In time"}
)
COUNT_MIN_WIDTH_PX: Final = 140
CARD_MIN_WIDTH_PX: Final = 520
SUMMARY_MIN_WIDTH_PX: Final = 440
SHORT: Final = 10
TALL_PX: Final = 388
"""A list of up to `SHORT` rows is as high as its rows; a longer one scrolls in a frame of this height."""

SAME_READ_SECONDS: Final = 60.0
"""Pages that were read so much earlier than the list have their own time."""


def draw_counts(reading: Reading[WaitingNow], history: GoalHistory | None, timezone: str) -> None:
    """Draw the two cards: how many wait for an answer, and how many escalations are open; with how many are past their goal."""
    with st.grid(
        2, min_column_width=COUNT_MIN_WIDTH_PX, gap="xsmall", border=True, key="waiting-counts"
    ) as grid:
        for waits_for in TITLES:
            with grid.cell():
                _draw_count(reading, waits_for, history, timezone)


def _draw_count(
    reading: Reading[WaitingNow], waits_for: Waits, history: GoalHistory | None, timezone: str
) -> None:
    """Draw how many wait, the longest wait with its start, how many are past their goal or nearly, and Explain."""
    found, title = reading.value.of(waits_for), TITLES[waits_for]
    with st.container(gap="xsmall", key=f"total-{waits_for}"):
        st.metric(title, formatting.count(found.total))
        longest = found.longest_seconds
        if longest is None:
            st.caption(NONE[waits_for][0])
        else:
            since = _moment(found.rows[cached.SINCE[waits_for]].iloc[0], found.as_of, timezone)
            st.caption(f"longest {formatting.duration(longest)}, since {since}")
            if late := _late(_left(found.rows, history, waits_for, found.as_of)):
                st.markdown(f":small[{late}]")
        facts = [("Longest wait", _exactly(longest))] if longest is not None else []
        queries = [each for each in reading.queries if each.params.get("waits_for") == waits_for]
        explain.draw_definition(f"waiting-{waits_for}", title, DEFINITIONS[waits_for], facts, queries)


def draw_list(
    reading: Reading[WaitingNow],
    waits_for: Waits,
    pages: Reading[pd.DataFrame] | SourceError | None,
    website: Website,
    history: GoalHistory | None,
    timezone: str,
) -> bool:
    """Draw one of the lists of `cached.waiting_now`, longest wait first; returns whether it has rows.

    `pages` are the visitors seen lately, or why they could not be read. With goals, each row says in words and colour how much
    time is left of its goal.
    """
    found = reading.value.of(waits_for)
    if not found.total:
        empty(*NONE[waits_for])
        return False
    rows = waits.with_pages(found.rows, pages.value if isinstance(pages, Reading) else None)
    left = _left(rows, history, waits_for, found.as_of)
    table = pd.DataFrame(
        {
            "Wait": rows["wait_seconds"],
            "Goal": left["left_seconds"],
            "Place": [
                formatting.in_table(formatting.place(_text(city), _text(country)))
                for city, country in zip(rows["city"], rows["country_code"], strict=True)
            ],
            "Page": [
                formatting.in_table(formatting.page_path(url)) if _text(url) else None
                for url in rows["page_url"]
            ],
            "Sentiment": [SENTIMENTS.get(_text(each), formatting.MISSING) for each in rows["sentiment"]],
            "Escalated": ["Yes" if each else "No" for each in rows["is_escalated"]],
            "Answered": ["Yes" if each else "No" for each in rows["is_answered"]],
            "Link": _links(rows, website),
            # Local time without its timezone: the browser's timezone database may differ.
            "Started": rows["started_at"].dt.tz_convert(parse_timezone(timezone)).dt.tz_localize(None),
            "Conversation": [formatting.in_table(formatting.plain(name)) for name in rows["conversation_id"]],
        }
    ).drop(columns="Answered" if waits_for == "answer" else "Escalated")
    nothing = [name for name in ("Page", "Link", "Goal") if table[name].isna().all()]
    table = table.drop(columns=nothing)
    has_goals = "Goal" in table
    # Shown on phones only, where the screen may end exactly between two columns.
    with st.container(key=f"swipe-{waits_for}"):
        st.caption("Swipe the table for more columns.")
    st.dataframe(
        _styled(table, left["goal_state"]),
        hide_index=True,
        height="content" if len(table) <= SHORT else TALL_PX,
        placeholder=formatting.MISSING,
        column_config=_columns(waits_for, timezone, has_page="Page" in table),
        key=f"waiting-list-{waits_for}",
        alt=f"{formatting.counted(len(table), 'conversations')}, longest wait first: wait, "
        f"{'time left of the goal, ' if has_goals else ''}place, {'page, ' if 'Page' in table else ''}sentiment, "
        f"{'escalated or not' if waits_for == 'answer' else 'answered or not'}, start",
    )
    if found.total > len(table):
        st.caption(f"The {len(table)} longest of {formatting.count(found.total)}; the files have all.")
    if isinstance(pages, SourceError):
        st.caption(f":material/cloud_off: {formatting.markdown(pages_note(pages))}")
    elif pages is not None and pages.is_stale:
        st.caption(
            f":material/history: Pages are old. Stale: from {formatting.clock(pages.as_of, timezone)}."
        )
    elif pages is not None and (reading.as_of - pages.as_of).total_seconds() > SAME_READ_SECONDS:
        st.caption(f"Pages as of {formatting.clock(pages.as_of, timezone)}.")
    return True


def _styled(table: pd.DataFrame, goal_states: pd.Series) -> Styler:
    """The table with its times in words and in the colour of their goal; they stay numbers, so that a heading sorts by time."""
    styled = table.style.format({"Wait": lambda each: formatting.duration(float(str(each)))})
    if "Goal" not in table:
        return styled
    styled = styled.format({"Goal": lambda each: _left_in_words(float(str(each)))}, subset=["Goal"])
    return styled.apply(lambda _: _colours(goal_states), subset=["Goal"])


def draw_age(reading: Reading[WaitingNow], website: Website, timezone: str, every: float | None) -> None:
    """Draw when it was read, how often it is read again, and how far back the plan lets it reach."""
    pace = "paused" if every is None else f"refreshes every {formatting.duration(every)}"
    as_of = formatting.clock_seconds(reading.as_of, timezone)
    st.caption(f"As of {as_of} · {pace} · {reach_sentence(website)}")


def reach_sentence(website: Website) -> str:
    """How far back conversations are listed, as a sentence.

    >>> reach_sentence(Website("w", "Acme", "w", "acme.example", "o", "Acme", "free"))
    'The free plan reaches back 21 days: conversations that started earlier are not listed.'
    """
    days = tiers.TIER_DAYS[website.tier]
    return f"The {website.tier} plan reaches back {days} days: conversations that started earlier are not listed."


def pages_of(view: OpenedView, now: datetime) -> Reading[pd.DataFrame] | SourceError:
    """The visitors of the last half hour with their pages; the error if they cannot be read: the lists then have no pages."""
    with cached.waiting_briefly():
        try:
            return cached.visitor_pages(view, now)
        except SourceError as error:
            return error


def pages_note(pages: Reading[pd.DataFrame] | SourceError) -> str:
    """Why the pages are missing, as a sentence; empty if they are not."""
    return f"Pages are missing: {pages.message}" if isinstance(pages, SourceError) else ""


def draw_summary(reading: Reading[WaitingNow], timezone: str) -> None:
    """Draw how many wait for an answer, the longest wait, and how many escalations are open, as one line."""
    for_answer, for_resolution = reading.value.for_answer, reading.value.for_resolution
    longest = for_answer.longest_seconds
    words = [
        NONE["answer"][0]
        if longest is None
        else f"{formatting.count(for_answer.total)} waiting for an answer"
    ]
    details = [] if longest is None else [f"longest {formatting.duration(longest)}"]
    if for_resolution.total:
        details.append(f"{formatting.count(for_resolution.total)} escalated, open")
    sign = "green" if longest is None else "orange"
    at = f" at {formatting.clock(reading.as_of, timezone)}" if reading.is_stale else ""
    st.markdown(
        f":{'gray' if reading.is_stale else sign}[●] **{words[0]}{at}**"
        + "".join(f" · :gray[{each}]" for each in details)
    )


def note_still_waiting(view: OpenedView, measure: Measure, selection: Selection) -> None:
    """Draw how many conversations of the period still wait, beside response times, which leave them out.

    Nothing if none or not known, and for a selection: what was never answered has no time or resolution to select it by.
    """
    if measure != "response" or not selection.is_everything:
        return
    with cached.waiting_briefly():
        try:
            read = cached.still_waiting(view)
        except AnalyticsError:
            return
    if read.value:
        since = read.stale_since and read.stale_since.astimezone(view.resolved.period.timezone)
        stale = formatting.as_of(since, datetime.now(UTC))
        st.caption(
            f"{formatting.count(read.value)} still waiting{stale}: conversations without an answer are not counted here."
        )


def in_words(
    rows: pd.DataFrame,
    website: Website,
    pages: Reading[pd.DataFrame] | SourceError,
    waits_for: Waits,
    history: GoalHistory | None,
    as_of: datetime,
) -> pd.DataFrame:
    """A list as a table for a file; see `cached.waiting_now`.

    Has `link` only if a template is set, and the columns of a goal only if there is a store. Waits and what is left of a goal are
    whole seconds, both up to `as_of`.
    """
    worded = waits.with_pages(rows, pages.value if isinstance(pages, Reading) else None).assign(
        sentiment=rows["sentiment"].map(SENTIMENTS),
        link=_links(rows, website),
        wait_seconds=rows["wait_seconds"] // 1,
    )
    if cached.has_store():
        left = _left(rows, history, waits_for, as_of)
        # Rounded up where the wait is rounded down: together they are the time of the goal.
        whole, state = -(-left["left_seconds"] // 1), left["goal_state"].map(GOAL_STATES)
        worded = worded.join(left.assign(left_seconds=whole, goal_state=state))
    unseen = ["visitor_id", *(["link"] if cached.conversation_address(website, "") is None else [])]
    return worded.drop(columns=unseen)


def _left(rows: pd.DataFrame, history: GoalHistory | None, waits_for: Waits, now: datetime) -> pd.DataFrame:
    """What each row has left of its goal, as `kpis.goals.results.left`; nothing without goals."""
    return results.left(rows, history or GoalHistory(""), MEASURES_OF[waits_for], now)


def _left_in_words(seconds: float) -> str:
    """Time left of a goal.

    >>> _left_in_words(72.0), _left_in_words(-180.0), _left_in_words(float("nan"))
    ('1 m 12 s left', '3 m late', '–')
    """
    if pd.isna(seconds):
        return formatting.MISSING
    return f"{formatting.duration(-seconds)} late" if seconds < 0 else f"{formatting.duration(seconds)} left"


def _late(left: pd.DataFrame) -> str:
    """How many of the listed rows are past their goal, and how many nearly, as Markdown; empty if none is."""
    counts = left["goal_state"].value_counts()
    parts = (
        (int(counts.get("missed", 0)), "red", "past the goal"),
        (int(counts.get("soon", 0)), "orange", "nearly past it"),
    )
    return " · ".join(f":{colour}[{formatting.count(n)} {words}]" for n, colour, words in parts if n)


def _colours(states: pd.Series) -> list[str]:
    """The style of each cell: red when the goal was missed, orange shortly before."""
    colours = palette()
    styles = {"missed": f"color: {colours.worse}", "soon": f"color: {colours.scale[0]}"}
    return [styles.get(_text(each), "") for each in states]


def _columns(waits_for: Waits, timezone: str, *, has_page: bool) -> dict[str, ColumnConfig]:
    config = st.column_config
    since = "its start" if waits_for == "answer" else "it was escalated"
    return {
        "Wait": config.NumberColumn(
            width=74, alignment="left", help=f"Since {since}, when the list was read"
        ),
        "Goal": config.NumberColumn(
            width=106,
            alignment="left",
            help="Time left of the goal that was valid when the conversation started",
        ),
        "Link": config.LinkColumn(
            width=56, display_text="Open", help="Opens the conversation in the product"
        ),
        "Place": config.TextColumn(width=100 if has_page else 120),
        "Page": config.TextColumn(
            width=76, help="The newest page of a visitor who was seen in the last 30 minutes"
        ),
        "Sentiment": config.TextColumn(width=80, help="As the AI agent rated it"),
        "Escalated": config.TextColumn(width=78, help="Handed to people by the AI agent"),
        "Answered": config.TextColumn(width=78, help="Whether it was ever answered"),
        "Started": config.DatetimeColumn(width=128, format="ddd D MMM, HH:mm", help=f"Times in {timezone}"),
        "Conversation": config.TextColumn("Id", width=172, help="The conversation's id"),
    }


def _links(rows: pd.DataFrame, website: Website) -> pd.Series:
    """The URL of each conversation in the product; empty without a template."""
    addresses = [cached.conversation_address(website, str(name)) for name in rows["conversation_id"]]
    return pd.Series(addresses, index=rows.index, dtype="str")


def _exactly(seconds: float) -> str:
    return f"{formatting.duration(seconds)} ({formatting.count(seconds)} s)"


def _moment(at: pd.Timestamp, now: datetime, timezone: str) -> str:
    """The local date and time of day of an instant; without the date if it is today."""
    local, today = (
        each.astimezone(parse_timezone(timezone)) for each in (at.to_pydatetime().astimezone(UTC), now)
    )
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local.day} {local:%b, %H:%M}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
