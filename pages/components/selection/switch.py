"""A switch: a row of buttons, one of them chosen. Shows the value in the URL, and writes the URL when it changes."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import streamlit as st

from pages.components.selection import url_state

K = TypeVar("K", bound=str)


def draw(name: str, label: str, options: Mapping[K, str], shown: K, default: K) -> None:
    """Draw the buttons; `label` says to screen readers what is chosen. The URL leaves out the default."""
    key = f"{name}_widget"
    st.session_state[key] = shown
    st.segmented_control(
        label,
        list(options),
        # Streamlit also calls it with a text that it already formatted.
        format_func=lambda option: options.get(option, option),
        key=key,
        required=True,
        wrap=True,
        label_visibility="collapsed",
        on_change=url_state.follow(name, key, lambda option: None if option == default else str(option)),
    )


def draw_titled(name: str, label: str, options: Mapping[K, str], default: K, title: Callable[[K], str]) -> K:
    """Draw the title of the chosen option with the buttons at its right, as `draw`; returns the option."""
    notices: list[str] = []
    shown = url_state.read(name, default, url_state.choice(options), notices)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{title(shown)}**", width="content")
        draw(name, label, options, shown, default)
    url_state.show(notices, is_small=True)
    return shown
