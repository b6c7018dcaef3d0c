"""Filters that a click sets: in the URL, and on the page as chips that take them away again."""

from collections.abc import Mapping

import streamlit as st

from pages.components import formatting, url_state

# What narrows a page, in the order of its chips; everything else in the URL says where one is.
NAMES = {
    "country": "Country",
    "city": "City",
    "place": "Place",
    "device": "Device",
    "browser": "Browser",
    "path": "Page",
    "band": "Time",
    "cell": "Hour",
    "handled": "Handled by",
    "escalated": "Escalated",
    "rating": "Rating",
}


def toggle(name: str, value: str) -> None:
    """Set a filter, or take it away where it already is that value; the whole page runs again."""
    write_toggled(name, value)
    st.rerun()


def write_toggled(name: str, value: str) -> None:
    """As `toggle`, for callbacks, after which the page runs again anyway."""
    url_state.write(name, None if st.query_params.get(name) == value else value)
    st.query_params.pop("page", None)


def chips(shown: Mapping[str, str]) -> None:
    """Draw one chip per filter that is set; a click takes it away.

    Args:
        shown: URL parameter to what it filters by, in words; untrusted text. Nothing is drawn without any.
    """
    if not shown:
        return
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="chips"):
        st.markdown(":gray[Only]", width="content")
        for name, text in shown.items():
            st.button(
                f"{NAMES.get(name, name)}: {formatting.markdown(text, limit=60)}",
                key=f"chip-{name}",
                icon=":material/close:",
                help="Take this filter away",
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

    >>> in_words({"country": "Norway", "Seen": "in the last 5 minutes"})
    ('Country: Norway', 'Seen: in the last 5 minutes')
    """
    return tuple(f"{NAMES.get(name, name)}: {formatting.plain(text)}" for name, text in shown.items())


def _remove(names: tuple[str, ...]) -> None:
    for name in (*names, "page"):
        url_state.write(name, None)
