"""Filters: set by clicks, kept in the URL, drawn as chips that remove them."""

from collections.abc import Mapping

import streamlit as st

from analytics.kpis.visitor_breakdown import DIMENSIONS
from pages.components import formatting
from pages.components.selection import url_state

# The URL parameters that filter a page, in the order of its chips.
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
    """Set a filter, or remove it if it already has that value; rerun the page."""
    write_toggled(name, value)
    st.rerun()


def write_toggled(name: str, value: str) -> None:
    """Like `toggle`, for callbacks: Streamlit reruns the page after them."""
    url_state.change({name: None if url_state.value(name) == value else value, "page": None})


def choose(label: str, name: str, value: str, *, is_chosen: bool) -> None:
    """Draw a button that sets the filter `name` to `value`, or removes it while it is set."""
    if st.button(
        label,
        key=f"choose-{name}-{value}",
        type="tertiary",
        icon=":material/check:" if is_chosen else ":material/filter_alt:",
        help="Show all again" if is_chosen else "Show only these on this page",
    ):
        toggle(name, value)


def chips(shown: Mapping[str, str]) -> None:
    """Draw one chip per filter that is set, by URL parameter; a click removes it. The texts are untrusted."""
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
    """`shown` without one filter: a panel whose rows set a filter still shows all its rows, so it ignores that filter."""
    return {each: text for each, text in shown.items() if each != name}


def in_words(shown: Mapping[str, str]) -> tuple[str, ...]:
    """The filters as text, for the first lines of a file and the caption of a picture.

    >>> in_words({"country_code": "Norway", "Seen": "in the last 5 minutes"})
    ('Country: Norway', 'Seen: in the last 5 minutes')
    """
    return tuple(f"{NAMES.get(name, name)}: {formatting.plain(text)}" for name, text in shown.items())


def _remove(names: tuple[str, ...]) -> None:
    url_state.change(dict.fromkeys((*names, "page")))
