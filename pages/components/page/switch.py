"""A row of buttons of which one is chosen: shows what the URL says, and writes the URL when it changes."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import streamlit as st

from pages.components.page import url_state

K = TypeVar("K", bound=str)


def chosen(name: str, options: Mapping[K, object], default: K, notices: list[str]) -> K:
    """The option that the URL names; the default, with a notice, where it names none that there is.

    Args:
        name: The URL's parameter.
        options: Those there are.
        default: What an absent parameter means.
        notices: Where a fallback is reported.
    """
    return url_state.read(name, default, url_state.choice(options), notices)


def draw(name: str, label: str, options: Mapping[K, str], shown: K, default: K) -> None:
    """Draw the buttons.

    Args:
        name: The URL's parameter.
        label: What is chosen, for screen readers.
        options: The words on the buttons.
        shown: The option that is chosen, as `chosen` gives it.
        default: The option that the URL leaves out.
    """
    key = f"{name}_widget"
    st.session_state[key] = shown
    st.segmented_control(
        label,
        list(options),
        # Streamlit also asks for the words of what it was given as a word.
        format_func=lambda option: options.get(option, option),
        key=key,
        required=True,
        wrap=True,
        label_visibility="collapsed",
        on_change=url_state.follow(name, key, lambda option: None if option == default else str(option)),
    )


def draw_titled(name: str, label: str, options: Mapping[K, str], default: K, title: Callable[[K], str]) -> K:
    """Draw a panel's title with the buttons at its right; returns the option that the URL names.

    Args:
        name: The URL's parameter.
        label: What is chosen, for screen readers.
        options: The words on the buttons.
        default: The option that the URL leaves out.
        title: The panel's title for an option.
    """
    notices: list[str] = []
    shown = chosen(name, options, default, notices)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{title(shown)}**", width="content")
        draw(name, label, options, shown, default)
    url_state.show(notices, is_small=True)
    return shown
