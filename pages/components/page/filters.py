"""Filters that a click sets: in the URL, and on the page as chips that remove them."""

from collections.abc import Mapping

import streamlit as st

from analytics.kpis.visitor_breakdown import DIMENSIONS
from pages.components import formatting
from pages.components.page import url_state

# What narrows a page, in the order of its chips; everything else in the URL says where one is.
NAMES: dict[str, str] = {
    **{dimension.name: dimension.one.capitalize() for dimension in DIMENSIONS.values()},
    "place": "Place",
    "response": "Response time",
    "resolution": "Resolution time",
    "cell": "Hour of the week",
    "handled": "Handled by",
    "escalated": "Escalated",
    "status": "Status",
    "sort": "Order",
    "rating": "Rating",
}


def toggle(name: str, value: str) -> None:
    """Set a filter, or remove it where it already is that value; the whole page runs again."""
    write_toggled(name, value)
    st.rerun()


def write_toggled(name: str, value: str) -> None:
    """As `toggle`, for callbacks, after which the page runs again anyway."""
    url_state.change({name: None if url_state.value(name) == value else value, "page": None})


def choose(label: str, name: str, value: str, *, is_chosen: bool) -> None:
    """Draw a name that sets a filter at a click, or takes it away while it is set.

    Args:
        label: what is shown.
        name: URL parameter.
        value: what it is set to.
        is_chosen: whether it is set to that.
    """
    if st.button(
        label,
        key=f"choose-{name}-{value}",
        type="tertiary",
        icon=":material/check:" if is_chosen else ":material/filter_alt:",
        help="Show all again" if is_chosen else "Show only these on this page",
    ):
        toggle(name, value)


def chips(shown: Mapping[str, str]) -> None:
    """Draw one chip per filter that is set; a click removes it.

    Args:
        shown: URL parameter to what it filters by, in words; untrusted text. Nothing is drawn without any.
    """
    place = st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="chips")
    if not shown:
        return
    with place:
        st.markdown(":gray[Filtered by]", width="content")
        for name, text in shown.items():
            st.button(
                f"{NAMES.get(name, name)}: {formatting.markdown(text, limit=60)}",
                key=f"chip-{name}",
                icon=":material/close:",
                help="Remove filter",
                on_click=_remove,
                args=((name,),),
            )
        if len(shown) > 1:
            st.button("Clear all", key="chip-all", type="tertiary", on_click=_remove, args=(tuple(shown),))


def without(name: str, shown: Mapping[str, str]) -> dict[str, str]:
    """The other filters: what narrows the panel that this one is chosen in, which keeps its own choice whole."""
    return {each: text for each, text in shown.items() if each != name}


def in_words(shown: Mapping[str, str]) -> tuple[str, ...]:
    """The same filters for a file and the caption of a picture.

    >>> in_words({"country_code": "Norway", "Seen": "in the last 5 minutes"})
    ('Country: Norway', 'Seen: in the last 5 minutes')
    """
    return tuple(f"{NAMES.get(name, name)}: {formatting.plain(text)}" for name, text in shown.items())


def _remove(names: tuple[str, ...]) -> None:
    url_state.change(dict.fromkeys((*names, "page")))
