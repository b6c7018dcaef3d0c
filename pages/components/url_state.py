"""The URL holds the whole state of a page; widgets are views of it.

Each run reads a value from the URL, falls back with a notice where the URL says something impossible, and puts it
into the widget; a change of the widget writes the URL before the next run. So a link, a reload, the back button and
a new window show the same page.

Streamlit's own `bind="query-params"` writes the label that a widget shows ("Northwind Outdoor · northwind.shop")
rather than the value behind it, and drops a wrong value without a word; links would break when a customer renames a
website.
"""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from pages.components import formatting

T = TypeVar("T")
# What is longer than any value can be is cut before it is parsed; it is wrong either way.
SPOKEN = {"tz": "timezone", "compare": "comparison", "window": "time window"}
LONGEST_VALUE = 200


def read(name: str, default: T, parse: Callable[[str], T], notices: list[str]) -> T:
    """The value of a URL parameter.

    Args:
        name: the parameter.
        default: what an absent or impossible parameter means.
        parse: text to value; raises ValueError with a sentence about what is wrong.
        notices: where a fallback is reported, in words for the viewer.
    """
    text = st.query_params.get(name)
    if text is None:
        return default
    try:
        return parse(text[:LONGEST_VALUE])
    except ValueError as error:
        shown = formatting.markdown(text, limit=40)
        name = SPOKEN.get(name, name)
        notices.append(
            f"The link asked for {name} “{shown}”, which cannot be shown. {formatting.markdown(error)}"
        )
        return default


def write(name: str, value: str | None) -> None:
    """Put a value into the URL; None removes it, which stands for the default."""
    if value is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value


def follow(name: str, widget_key: str, text: Callable[[T], str | None]) -> Callable[[], None]:
    """A callback for `on_change`: writes what the widget now holds into the URL.

    Args:
        name: the parameter.
        widget_key: the widget's key in the session state.
        text: value to text; None for the default, which the URL leaves out.
    """

    def changed() -> None:
        write(name, text(st.session_state[widget_key]))

    return changed


def choice(options: dict[str, str]) -> Callable[[str], str]:
    """A parser for one of a closed set of words, for `read`."""

    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(f"Possible are {', '.join(options)}.")
        return text

    return parse


def shared(names: tuple[str, ...]) -> dict[str, str]:
    """The parameters that a link to another page carries along."""
    return {name: st.query_params[name] for name in names if name in st.query_params}
