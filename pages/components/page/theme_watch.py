"""Theme watch: reruns the page when the browser's theme is not the one that the page was drawn for.

Owns the script that compares the two. Streamlit changes the page's own colours at once but reports the theme to the server
only with the next run, and the server chooses the colours of charts, globe and bars.
"""

import streamlit as st

from pages.components.theme_colors import palette

# Streamlit calls the function again whenever the theme or `data` changes.
SCRIPT = """
let reported = null
export default function ({ data, parentElement, setStateValue }) {
  const shown = getComputedStyle(parentElement.host ?? parentElement).getPropertyValue('--st-background-color').trim().toLowerCase()
  if (!shown || shown === data.drawn) reported = null
  else if (shown !== reported) setStateValue('shown', reported = shown)
}
"""

_watch = st.components.v2.component("theme", js=SCRIPT)


def follow() -> None:
    """Rerun the page when its background colour is not that of the palette it was drawn with."""
    with st.container(key="theme"):
        _watch(
            key="theme-watch",
            data={"drawn": palette().surface.lower()},
            default={"shown": ""},
            on_shown_change=lambda: None,
        )
