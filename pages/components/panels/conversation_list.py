"""The list of conversations: its order, its rows with links into the product, its pages, and its file.

Owns how a conversation is shown. `cached.conversation_list` selects and sorts them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from analytics import cached
from analytics.cached import Reading
from analytics.cached.whole import ROW_LIMIT
from analytics.kpis.conversation_breakdown import PAGE_ROWS, Listing
from analytics.scope.access import Website
from analytics.scope.clock import parse_timezone
from analytics.scope.selection import DEFAULT_SORT, Selection, Sort
from pages.components import formatting
from pages.components.selection import url_state
from pages.components.selection.conversation_filters import HANDLED, SENTIMENTS, STATUSES

SORTS: Final[Mapping[Sort, str]] = MappingProxyType(
    {
        "newest": "Newest first",
        "slowest_response": "Slowest response first",
        "slowest_resolution": "Slowest resolution first",
        "lowest_rating": "Lowest rating first",
    }
)
WAITING, UNRESOLVED = "●", "○"
MARKS: Final = (
    f"{WAITING} waits for a first response. {UNRESOLVED} answered or handed to people, not resolved."
)
SORTED_BY: Final[Mapping[str, Sort]] = MappingProxyType(
    {
        "Started": "newest",
        "Response": "slowest_response",
        "Resolution": "slowest_resolution",
        "Rating": "lowest_rating",
    }
)
"""The column of each sort order: a click on its head sorts the whole list, not one page of it."""

PAGES_SHOWN, PAGE_WIDTH_PX = 5, 40

_ARROWS: Final[Mapping[Sort, str]] = MappingProxyType({"lowest_rating": "↑"})
_TABLE: Final = "conversation-list"


def draw_header() -> tuple[Sort, int]:
    """Draw the title and the choice of the order; returns order and page (from 1) from the URL."""
    notices: list[str] = []
    page = url_state.read("page", 1, _parse_page, notices)
    sort = url_state.read("sort", DEFAULT_SORT, url_state.choice(SORTS), notices)
    st.session_state["sort_widget"] = sort
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="list-header"
    ):
        st.markdown("**Conversations behind these numbers**", width="content")
        st.selectbox(
            "Order of the conversations",
            list(SORTS),
            format_func=lambda key: SORTS.get(key, key),
            key="sort_widget",
            label_visibility="collapsed",
            width=230,
            on_change=lambda: _write_sort(st.session_state["sort_widget"]),
        )
    url_state.show(notices, is_small=True)
    return sort, page


def _parse_page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError("Pages are counted from 1.")
    return int(text)


def _write_sort(sort: Sort) -> None:
    url_state.change({"sort": None if sort == DEFAULT_SORT else sort, "page": None})


def _follow_head(key: str) -> None:
    """Sort by the column whose head was clicked; ignores columns without a sort order."""
    columns = st.session_state[key]["selection"]["columns"]
    if columns and columns[0] in SORTED_BY:
        _write_sort(SORTED_BY[columns[0]])


def draw_list(listing: Listing, website: Website, timezone: str) -> None:
    """Draw one page of `cached.conversation_list`, which is not empty, with links into the product."""
    rows = listing.rows
    started = rows["started_at"].fillna(rows["first_event_at"])
    ids = [str(name) for name in rows["conversation_id"]]
    table = pd.DataFrame(
        {
            "To do": [
                _mark(status, is_waiting=waiting)
                for status, waiting in zip(rows["status"], rows["is_waiting"], strict=True)
            ],
            # Local time without its timezone: the browser's timezone database may differ.
            "Started": started.dt.tz_convert(parse_timezone(timezone)).dt.tz_localize(None),
            "Link": _links(rows, website),
            "Topic": [formatting.in_table(formatting.plain(_text(topic), 80)) for topic in rows["topic"]],
            "Status": [
                _status(status, is_known=known)
                for status, known in zip(rows["status"], rows["is_known"], strict=True)
            ],
            "Resolved by": [
                _resolver(who, name)
                for who, name in zip(rows["handled_by"], rows["resolved_by"], strict=True)
            ],
            "Response": [formatting.duration(seconds) for seconds in rows["response_seconds"]],
            "Resolution": [formatting.duration(seconds) for seconds in rows["resolution_seconds"]],
            "Rating": [
                formatting.MISSING if pd.isna(rating) else f"{rating:.0f} of 5" for rating in rows["rating"]
            ],
            "Place": [
                formatting.in_table(formatting.place(_text(city), _text(country)))
                if _text(city) or _text(country)
                else formatting.MISSING
                for city, country in zip(rows["city"], rows["country_code"], strict=True)
            ],
            "Conversation": [formatting.in_table(formatting.plain(name)) for name in ids],
        }
    )
    table["Topic"] = table["Topic"].replace("", formatting.MISSING)
    if table["Link"].isna().all():
        table = table.drop(columns="Link")
    # One key per order and page, so that an old click is not applied to new rows.
    key = f"{_TABLE}-{listing.sort}-{listing.page}"
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        placeholder=formatting.MISSING,
        column_config=_columns(listing.sort, timezone),
        key=key,
        on_select=lambda: _follow_head(key),
        # With selectable columns Streamlit does not sort rows itself, which would sort this page alone.
        selection_mode="single-column",
        alt=f"{formatting.count(len(table))} conversations, {SORTS[listing.sort].lower()}: "
        "start, topic, status, who resolved, times, rating, place",
    )
    if table["To do"].any():
        st.caption(MARKS)


def _columns(sort: Sort, timezone: str) -> dict[str, ColumnConfig]:
    config = st.column_config
    clock = f"Times in {timezone}"

    def head(name: str) -> str:
        return f"{name} {_ARROWS.get(sort, '↓')}" if SORTED_BY.get(name) == sort else name

    return {
        "To do": config.TextColumn(width=58, help=MARKS),
        "Started": config.DatetimeColumn(
            head("Started"),
            width=128,
            format="ddd D MMM, HH:mm",
            help=f"{clock}. Click to sort: newest first.",
        ),
        "Link": config.LinkColumn(
            width=56, display_text="Open", help="Opens the conversation in the product"
        ),
        "Topic": config.TextColumn(width=118, help="Of the newest feedback"),
        "Status": config.TextColumn(
            width=92,
            help="As it is now. “Deleted, test”: the conversation was deleted, or is a test visitor's",
        ),
        "Resolved by": config.TextColumn(width=112, help="Who resolved it last in this period"),
        "Response": config.TextColumn(
            head("Response"),
            width=88,
            alignment="right",
            help="Time to the first response. Click to sort: slowest first.",
        ),
        "Resolution": config.TextColumn(
            head("Resolution"),
            width=96,
            alignment="right",
            help="Time until it was resolved. Click to sort: slowest first.",
        ),
        "Rating": config.TextColumn(
            head("Rating"), width=72, help="Of the newest feedback. Click to sort: lowest first."
        ),
        "Place": config.TextColumn(width=140),
        "Conversation": config.TextColumn("Id", width=172, help="The conversation's id"),
    }


def note_differences(reading: Reading[Listing], asked: Sort, page: int, selection: Selection) -> None:
    """Draw notes where the rows are not as requested or expected: another page, spam included, Postgres not readable."""
    listing = reading.value
    if listing.page < page:
        st.caption(f"There is no page {formatting.count(page)}. This is the last one.")
    if selection.status is not None and (listing.rows["status"] == "spam").any():
        st.caption("What was marked as spam counts as well: the funnel goes by events. The status says so.")
    if listing.sort != asked:
        st.caption(f"Ratings cannot be read now. {SORTS[listing.sort]} instead.")
    elif listing.ratings is not None and listing.ratings.is_cut:
        st.caption(
            f"The {formatting.count(len(listing.ratings.by_id))} lowest ratings of this website are in order; "
            "all other conversations follow, newest first."
        )
    for failure in reading.failures:
        st.caption(
            ":material/cloud_off: Status, topic, names, rating and place are missing: "
            f"{formatting.markdown(failure.message)}"
        )


def page_words(listing: Listing) -> str:
    """The row numbers of a page of the list, and how many conversations started before the period, as text.

    >>> page_words(Listing(pd.DataFrame(index=range(25)), 688, 2, 27))
    '26–50 of 688 active in this period, 27 of them started earlier'
    >>> page_words(Listing(pd.DataFrame(index=range(3)), 3, 1)), page_words(Listing(pd.DataFrame(index=[0]), 1, 1, 1))
    ('3 conversations active in this period', '1 conversation active in this period, started earlier')
    """
    first, total = (listing.page - 1) * PAGE_ROWS + 1, formatting.count(listing.total)
    if listing.page_count > 1:
        which = f"{formatting.count(first)}–{formatting.count(first + len(listing.rows) - 1)} of {total}"
    else:
        which = formatting.counted(listing.total, "conversations")
    earlier = formatting.count(listing.started_before)
    before = "started earlier" if listing.total == 1 else f"{earlier} of them started earlier"
    return f"{which} active in this period" + (f", {before}" if listing.started_before else "")


def draw_pages(listing: Listing) -> None:
    """Draw the row numbers and the switch between pages; its value is the URL parameter `page`."""
    limit = f"; the files have the first {formatting.count(ROW_LIMIT)}" if listing.total > ROW_LIMIT else ""
    st.caption(f"{page_words(listing)}{limit}", width="content")
    if listing.page_count > 1:
        key = f"pages-{listing.sort}-{listing.page}-of-{listing.page_count}"
        st.pagination(
            listing.page_count,
            default=listing.page,
            max_visible_pages=PAGES_SHOWN,
            # The widget measures its width before the layout is done, and would otherwise show one page of two.
            width=PAGE_WIDTH_PX * (min(listing.page_count, PAGES_SHOWN) + 2),
            key=key,
            on_change=url_state.follow("page", key, lambda page: None if page == 1 else str(page)),
        )
    st.space("stretch")


def in_words(rows: pd.DataFrame, website: Website) -> pd.DataFrame:
    """The list as a table for a file; see `cached.conversation_list`. Has `link` only if a template is set."""
    worded = rows.assign(
        handled_by=rows["handled_by"].map(HANDLED),
        sentiment=rows["sentiment"].map(SENTIMENTS),
        status=rows["status"]
        .map(lambda status: STATUSES.get(status, status), na_action="ignore")
        .where(rows["is_known"], "Deleted or test"),
        link=_links(rows, website),
    )
    unseen = ["is_known", *(["link"] if cached.conversation_address(website, "") is None else [])]
    return worded.drop(columns=unseen).rename(columns={"rating": "rating_1_to_5"})


def _links(rows: pd.DataFrame, website: Website) -> pd.Series:
    """The URL of each conversation in the product; empty without a template, or if the conversation does not exist."""
    addresses = [
        cached.conversation_address(website, str(name)) if known else None
        for name, known in zip(rows["conversation_id"], rows["is_known"], strict=True)
    ]
    return pd.Series(addresses, index=rows.index, dtype="str")


def _mark(status: object, *, is_waiting: bool) -> str:
    if is_waiting:
        return WAITING
    return UNRESOLVED if status in {"answered", "escalated"} else ""


def _status(status: object, *, is_known: bool) -> str:
    if not is_known:
        return "Deleted, test"
    return STATUSES.get(str(status), formatting.plain(_text(status)) or formatting.MISSING)


def _resolver(who: object, name: object) -> str:
    """The text for who resolved it: the AI agent, the person's name, or "People" if the name is not known."""
    person = formatting.in_table(formatting.plain(_text(name), 60))
    return person if who == "human" and person else HANDLED.get(who, formatting.MISSING)  # type: ignore[call-overload]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
