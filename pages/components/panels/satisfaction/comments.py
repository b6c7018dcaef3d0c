"""Comments: the text that visitors wrote with their ratings. All of it is untrusted."""

from typing import Final

import pandas as pd
import streamlit as st

from analytics import cached
from analytics.scope.access import Website
from pages.components import formatting
from pages.components.selection import url_state

PAGE_ROWS: Final = 20
PAGES: Final = 10
LONGEST_COMMENT: Final = 600
COLUMN_MIN_WIDTH_PX: Final = 380
RATINGS: Final = {"5": "5 of 5", "4": "4 of 5", "3": "3 of 5", "2": "2 of 5", "1": "1 of 5"}
_BADGES: Final = {1: "orange", 2: "orange", 3: "gray", 4: "primary", 5: "primary"}


def read_rating() -> str | None:
    """Read the rating filter from the URL; None for all, with a notice if the value is invalid."""
    notices: list[str] = []
    chosen = url_state.read("rating", "", url_state.choice(RATINGS), notices)
    url_state.show(notices)
    return chosen or None


def read_page() -> int:
    """Read from the URL how many pages of comments are shown, at least one; a notice if the value is invalid."""
    notices: list[str] = []
    pages = url_state.read("page", 1, _page, notices)
    url_state.show(notices, is_small=True)
    return pages


def rating_switch(chosen: str | None) -> None:
    """Draw the switch between ratings; its value is the URL parameter `rating`."""
    st.session_state["rating_widget"] = chosen
    st.pills(
        "Rating",
        list(RATINGS),
        format_func=lambda stars: RATINGS.get(stars, stars),
        key="rating_widget",
        wrap=True,
        label_visibility="collapsed",
        on_change=_follow,
    )


def draw_comments(comments: pd.DataFrame, website: Website, timezone: str, page: int) -> None:
    """Draw `cached.latest_comments`, newest first, with links to conversations, and a button for more."""
    with st.grid("auto", min_column_width=COLUMN_MIN_WIDTH_PX, gap="small", key="comments"):
        for row in comments.itertuples(index=False):
            topic = row.topic if isinstance(row.topic, str) else ""
            about = [formatting.markdown(topic, limit=60)] if formatting.plain(topic) else []
            at = pd.Timestamp(str(row.created_at)).tz_convert(timezone)
            about.append(f"{at:%a %-d %b, %H:%M}")
            if isinstance(row.conversation_id, str):
                about.append(_conversation(website, row.conversation_id))
            _draw_comment(int(str(row.rating)), str(row.comment), about)
    shown, total = len(comments), int(comments["total"].iloc[0])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{formatting.count(shown)} of {formatting.count(total)} comments", width="content")
        if shown < total and page < PAGES:
            st.button(
                f"Show {min(PAGE_ROWS, total - shown)} more",
                key="more-comments",
                on_click=url_state.write,
                args=("page", str(page + 1)),
            )
        elif shown < total:
            st.caption(
                "Choose one rating or a shorter range to see the others here; the files have all.",
                width="content",
            )


def nothing(rating: str | None) -> tuple[str, str]:
    """The texts of the empty state: what is missing, and what to do."""
    if rating is None:
        return "No comments in this period", "Choose a longer range."
    return f"No comments with a rating of {RATINGS[rating]}", "Remove the filter to see the others."


def table(comments: pd.DataFrame, website: Website) -> pd.DataFrame:
    """The comments as a table with their complete text; `link`, the conversation's URL, only if a template is set."""
    rows = comments.drop(columns="total").rename(columns={"rating": "rating_1_to_5"})
    if cached.conversation_address(website, "") is None:
        return rows
    links = [
        cached.conversation_address(website, name) if isinstance(name, str) else None
        for name in rows["conversation_id"]
    ]
    return rows.assign(link=pd.Series(links, index=rows.index, dtype="str"))


def _conversation(website: Website, conversation_id: str) -> str:
    """The conversation of a comment as Markdown: a link to the product, or its id where no template for links is set."""
    address = cached.conversation_address(website, conversation_id)
    if address is None:
        return f"conversation {formatting.markdown(conversation_id)}"
    return f"[Open conversation]({address.replace('(', '%28').replace(')', '%29')})"


def _draw_comment(rating: int, comment: str, about: list[str]) -> None:
    st.markdown(
        f":{_BADGES.get(rating, 'gray')}-badge[{rating} of 5] :gray[:small[{' · '.join(about)}]]  \n"
        f"{formatting.markdown(comment, limit=LONGEST_COMMENT)}"
    )


def _page(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= PAGES):
        raise ValueError(f"Possible are 1 to {PAGES}.")
    return int(text)


def _follow() -> None:
    url_state.change({"rating": st.session_state["rating_widget"], "page": None})
