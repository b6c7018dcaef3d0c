"""Theme: runs the page again when the browser shows another theme than the one its colours were chosen for.

Owns the few lines of script that compare the two. Streamlit changes the page's own colours at once, but tells the server
only with the next run; charts, globe and bars get their colours from there.
"""

import streamlit as st

from pages.components.theme_colors import palette

# Streamlit calls it again whenever the theme or `data` changes.
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
    """Runs the page again when the colour behind it is not that of the palette it was drawn with."""
    with st.container(key="theme"):
        _watch(
            key="theme-watch",
            data={"drawn": palette().surface.lower()},
            default={"shown": ""},
            on_shown_change=lambda: None,
        )
